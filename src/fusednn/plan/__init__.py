"""Lowering: from sizes, parameters and data to the plans that the kernels interpret."""
