"""The numbers of classes that samples have, or are to have."""

from __future__ import annotations

import numpy as np


def numbers_of(known: list, y: np.ndarray) -> np.ndarray:
    """The places of classes among the known ones.

    Parameters
    ----------
    known : list
        In their order.
    y : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of int64, of shape (n_samples,)

    Raises
    ------
    ValueError
        If a class is not known; the message has all of these.
    """
    places = {one: place for place, one in enumerate(known)}
    given = y.tolist()
    unknown = [one for one in dict.fromkeys(given) if one not in places]
    if unknown:
        raise ValueError(f"y has classes that fit has not seen: {unknown}.")
    return np.array([places[one] for one in given], np.int64)
