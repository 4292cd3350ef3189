"""Checks what users give: parameters, X, y, labels, weights and scorers."""
