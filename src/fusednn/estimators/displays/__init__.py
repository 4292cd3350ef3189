"""Plots and diagrams of a fitted network, and its inner values."""
