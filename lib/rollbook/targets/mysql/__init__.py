"""What is read from and done with whole tables of MySQL and MariaDB."""
