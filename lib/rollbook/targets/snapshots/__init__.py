"""Writes the folders of snapshots, and reads them back; what is in their rows, the servers' own modules know."""
