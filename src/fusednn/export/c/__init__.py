"""Models as C source and shared libraries."""
