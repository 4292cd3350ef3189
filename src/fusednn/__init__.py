"""fusednn."""
