"""Ops for columns of tables: factors, activations in learned shares, embeddings of numbers."""
