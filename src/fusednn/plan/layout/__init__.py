"""The layout of parameters in memory."""
