"""PostgreSQL databases: their catalogs read, two of them compared, and users' rows carried from one to another."""
