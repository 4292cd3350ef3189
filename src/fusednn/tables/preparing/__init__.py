"""Learned preparation of a table: scaled numbers, flags and codes of categories."""
