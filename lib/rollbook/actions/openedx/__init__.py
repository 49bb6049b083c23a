"""Open edX: course runs and libraries in the split modulestore."""
