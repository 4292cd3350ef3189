"""Binds embeddings of numeric columns to kernels."""
