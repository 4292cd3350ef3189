"""Ops on columns of tables: embeddings of numbers."""
