"""Ops that treat every element of a row by itself."""
