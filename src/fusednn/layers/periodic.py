"""Embeddings of numeric columns by learned frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layer import Layer

KINDS = "pbld", "plr"


@dataclass(frozen=True, repr=False)
class Periodic(Layer):
    """Replaces each of some numeric columns by a few numbers, by learned frequencies.

        "pbld"  x and c + v^T cos(2 pi w x + b)
        "plr"   max(c + v^T [cos(2 pi w x), sin(2 pi w x)], 0)

    In the output the other columns come first, in their order, then the numbers of each column.
    Columns should be scaled before, and huge values bounded: an angle of 2**20 turns or more
    counts as 0.

    Parameters
    ----------
    frequencies : int, default=16
        The elements of w and b of each column.
    size : int, default=4
        The numbers that a column becomes; of "pbld" the first is the column itself.
    sigma : float, default=0.1
        The standard deviation of the first frequencies, which are normal. It decides how fine
        the first embedding is: too small does little harm.
    columns : sequence of int or None, default=None
        The columns of the layer's input; None: all. Kept as a tuple.
    kind : {"pbld", "plr"}, default="pbld"
        PBLD begins with phases b that are uniform in [-pi, pi]. PLR has no phases, and its first
        frequencies are at most three deviations. Both begin with v and c uniform within the
        inverse root of the number of cosines and sines.
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay; RealMLP has a rate factor of 0.1.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024, for PBLD.
    Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022, for PLR.

    Examples
    --------
    Column 1 is copied, columns 0 and 2 become three numbers each:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, Periodic
    >>> X, y = np.array([[0.5, 1.0, -0.5], [0.25, 0.0, 1.0]]), [1.0, 2.0]
    >>> layers = [Periodic(8, size=3, columns=[0, 2]), Dense(5, "relu")]
    >>> model = NetworkRegressor(layers).initialize(X, y)
    >>> [[array.shape for array in layer] for layer in model.get_weights()[:2]]
    [[(2, 8), (2, 8), (2, 2, 8), (2, 2)], [(7, 5), (5,)]]
    """

    frequencies: int = 16
    size: int = 4
    sigma: float = 0.1
    columns: Sequence[int] | None = None
    kind: str = "pbld"
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of Periodic must be 'pbld' or 'plr', got {self.kind!r}.")
        self._need("frequencies", 1, whole=True)
        self._need("size", 2 if self.kind == "pbld" else 1, whole=True)
        self._need("sigma", 0)
        self._check_columns()
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)
