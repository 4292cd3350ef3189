"""Shared by the benchmarks: cases, contestants, rounds, reports."""
