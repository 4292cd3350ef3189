"""The sub-commands of `fusednn`."""
