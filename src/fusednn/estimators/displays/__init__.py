"""Plots, diagrams and looks into a fitted network."""
