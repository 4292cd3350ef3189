"""Random numbers as scikit-learn draws them."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state


class _Blank(ISeedSequence):
    """Stands in for entropy of the system's that the seed would replace at once."""

    def generate_state(self, n_words, dtype=np.uint32):
        return np.zeros(n_words, dtype)


def random_state_of(seed) -> np.random.RandomState:
    """`check_random_state(seed)`, the same draws in a third of its 70 us for an integer."""
    if not isinstance(seed, Integral):
        return check_random_state(seed)
    random = np.random.RandomState(
        np.random.MT19937(_Blank())  # type: ignore[arg-type]  # NumPy documents ISeedSequence
    )
    random.seed(int(seed))
    return random


def hold_out(samples, fraction, stratify, random_state):
    """The samples to train on, and those of the validation set."""
    kept, held_out = train_test_split(
        samples, random_state=random_state, test_size=fraction, stratify=stratify
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size"
            " of your dataset."
        )
    return kept, held_out
