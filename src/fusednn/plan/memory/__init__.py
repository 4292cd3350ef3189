"""Where a plan takes memory, and which arrays share it."""
