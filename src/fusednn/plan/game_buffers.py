"""What a game is planned for: its players, and the memory that is written before its steps."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from fusednn.graph.network import Network

from .updating.rule import Rule


class Player(NamedTuple):
    """One of the two networks.

    Parameters
    ----------
    network : Network
    rule : Rule
        Its optimizer; of the other fields `average`, of the generator.
    """

    network: Network
    rule: Rule


class Bounds(NamedTuple):
    """What bounds the discriminator.

    Parameters
    ----------
    penalty : float
        Factor of the gradient penalty; 0: none.
    largest : float
        The largest absolute value of its parameters; infinite: no bound. Not with the others.
    is_spectral : bool
        Whether its weights are divided by their largest singular value.
    """

    penalty: float = 0.0
    largest: float = inf
    is_spectral: bool = False


class Buffers(NamedTuple):
    """What is written for the steps of a call, in their order.

    Parameters
    ----------
    noise : ndarray of shape (steps * batch, columns)
        What the generator gets.
    asked : ndarray of shape (steps * batch, 1)
        The targets of generated rows when the generator learns.
    order : ndarray of int64, of shape (steps * 2 * batch,)
        For each judgement the samples of the data; the second half of the batch is not read.
    targets : ndarray of shape (steps * 2 * batch, 1)
        The targets of its rows.
    shares : ndarray of shape (steps * 2 * batch,)
        The shares of the data in the mixtures of a gradient penalty.
    """

    noise: np.ndarray
    asked: np.ndarray
    order: np.ndarray
    targets: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, steps: int, batch: int, columns: int, dtype) -> Buffers:
        """Zeros for so many makings and judgements."""
        rows = steps * batch
        return cls(
            np.zeros((rows, columns), dtype),
            np.zeros((rows, 1), dtype),
            np.zeros(2 * rows, np.int64),
            np.zeros((2 * rows, 1), dtype),
            np.zeros(2 * rows, dtype),
        )
