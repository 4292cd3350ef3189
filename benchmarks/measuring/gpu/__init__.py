"""What the scripts for GPUs share: machine code that was prepared elsewhere, networks, limits."""
