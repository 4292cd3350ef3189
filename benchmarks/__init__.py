"""Benchmarks of fusednn: against peers, against the machine's limits, and over commits.

Every command is run from the repository's root as `python -m benchmarks.<name>`; the README
beside this file says what each one measures. The asv suite is the modules `benchmark_*`.
"""
