"""Ops as GPUs run them; the files are named as those of the CPU."""
