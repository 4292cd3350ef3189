"""Fits: options, preparation, validation sets, callbacks, progress."""
