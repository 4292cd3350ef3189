"""Ops over tiles of the parameters."""
