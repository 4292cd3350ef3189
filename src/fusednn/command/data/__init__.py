"""Tables and images for the commands."""
