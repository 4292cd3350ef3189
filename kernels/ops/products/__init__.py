"""Ops that multiply rows by weights, and their gradients."""
