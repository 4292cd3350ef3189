"""Tables from files and streams."""
