"""Ops of a network: what each computes forward and back, lowered to records."""
