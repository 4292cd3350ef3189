"""Training for the commands, with its settings and its report."""
