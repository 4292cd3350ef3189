"""A fit: what a training is told, validation sets, callbacks, progress."""
