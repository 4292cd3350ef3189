"""Ops of a network: each records its forward and backward calls."""
