"""Updates of parameters, clipping and averages on a GPU."""
