"""What Rollbook knows of PostgreSQL without talking to it: catalogs as values, orders, merges and the text of SQL."""
