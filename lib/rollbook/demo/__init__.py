"""A small Open edX to try runbooks on: real servers on loopback, sample courses, and a page that serves them."""
