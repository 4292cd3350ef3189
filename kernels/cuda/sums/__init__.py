"""Sums in the order of the vectors of the CPU."""
