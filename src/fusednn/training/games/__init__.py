"""Adversarial training: passes in which two networks are trained in turns."""
