"""Files on hosts."""
