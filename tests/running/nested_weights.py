"""Weights in the lists of lists that `get_weights` gives."""

import numpy as np


def leaves(nested):
    """What lies in lists of lists, in their order."""
    if not isinstance(nested, list):
        return [nested]
    return [leaf for part in nested for leaf in leaves(part)]


def flat(nested):
    """All elements in a row."""
    return np.concatenate([leaf.ravel() for leaf in leaves(nested)])


def moved(nested, numbers):
    """The same lists with the next of `numbers` added to each element."""
    if isinstance(nested, list):
        return [moved(part, numbers) for part in nested]
    return nested + np.fromiter(numbers, float, nested.size).reshape(nested.shape)
