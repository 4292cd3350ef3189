"""Progress, errors and output files of the commands."""
