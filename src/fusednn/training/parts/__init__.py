"""Data that a device has no room for: some samples at a time."""
