"""Ops that normalise rows or batches."""
