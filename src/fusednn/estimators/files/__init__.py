"""Estimators in files: saving, loading, and the JSON of their attributes."""
