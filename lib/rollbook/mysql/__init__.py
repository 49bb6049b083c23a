"""What recovering tables of MySQL and MariaDB rests on, as pure functions and ops."""
