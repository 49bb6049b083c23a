"""Projects that are built where they lie."""
