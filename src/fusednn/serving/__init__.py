"""Fitted networks prepared for predictions, without scikit-learn and without training's data."""
