"""Services on hosts."""
