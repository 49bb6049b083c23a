"""What migrations do to a database, as values: read by Django itself or out of SQL, judged, traced to live names."""
