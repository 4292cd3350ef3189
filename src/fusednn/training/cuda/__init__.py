"""Runs plans on a GPU. Nothing of CUDA is imported before a device is opened."""
