"""The ops of a plan: each reads its operands from a record and runs kernels on row blocks."""
