"""Django sites, asked and changed through their own manage.py, in their own environment."""
