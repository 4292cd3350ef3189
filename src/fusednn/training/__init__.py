"""Training loops and the threads that run plans."""
