"""Machine code for GPUs: what device code means in LLVM, compiled, linked and kept on disk."""
