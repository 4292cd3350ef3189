"""The command `fusednn`: one file per sub-command, listed in the table of `main`."""
