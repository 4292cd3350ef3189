"""Fitted models of raw tables: a preparation, networks with weights, and what they answer."""
