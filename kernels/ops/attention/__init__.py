"""Attention in a plan: weights of keys, the turn of queries and keys, positions."""
