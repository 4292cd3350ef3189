"""How parameters lie in memory."""
