"""Recurrences: a block takes a few samples through all steps."""
