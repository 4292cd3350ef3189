"""Training for the commands: default settings, the fit, and its report."""
