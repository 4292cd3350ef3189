"""What benchmarks share: cases, contestants, rounds, reports."""
