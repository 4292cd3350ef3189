"""Tiles of products: what a block of threads multiplies at once."""
