"""Reads tables from files and standard input."""
