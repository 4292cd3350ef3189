"""Ops as GPUs run them; the file of an op, or of its update, is named as that of the CPU."""
