"""What goes wrong in a fit, and what to do about it."""
