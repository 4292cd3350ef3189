"""Saves estimators to files and loads them, without pickle."""
