"""Benchmarks of fusednn: against peers, against the machine's limits, and over commits.

Run each from the repository's root as `python -m benchmarks.<name>`; README.md says what each one
measures. The modules `benchmark_*` are the asv suite.
"""
