"""Piecewise-linear encodings and embeddings of numeric columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from numbers import Real

from .layer import Layer

QUANTILE, TREE = LEARNED = "quantile", "tree"
"""The edges that a fit finds."""


@dataclass(frozen=True, repr=False)
class PiecewiseLinear(Layer):
    """Replaces each of some numeric columns by how far it fills bins, or by an embedding of that.

    A number in bin t of edges e_0 < ... < e_T becomes T numbers: 1 for each bin below t,
    (x - e_t) / (e_t+1 - e_t) for bin t, and 0 for those above. The first bin goes on below e_0,
    the last above e_T, so that numbers outside the edges are extrapolated, as in
    rtdl_num_embeddings. With `size` a column becomes `size` numbers, w x + b and the sum of the
    encoding times a row for each bin, which is 0 at first (that package's version B).

    In the output the other columns come first, in their order, then the numbers of each column.

    Parameters
    ----------
    bins : int, default=16
        The most bins of a column whose edges are learned.
    size : int or None, default=None
        The numbers that a column becomes; None: its encoding, one for each bin.
    columns : sequence of int or None, default=None
        The columns of the layer's input; None: all. Kept as a tuple.
    edges : "quantile", "tree" or sequence of sequence of float, default="quantile"
        The edges of each of `columns`, ascending; kept as tuples. With a name the fit finds them
        in the training samples, so the layer must be the first, or the first behind an
        `Embedding`, and without `standardize`. `layers_` shows what was found; `partial_fit`
        keeps what its first samples gave. Edges are not trained. A column of at most two values,
        or one that a tree does not split, has one bin; a constant v has the edges v and
        v + max(1, |v|).
        "quantile": between as many samples each. Where some of these coincide, others divide the
        numbers that are no edge, so a column that is 0 in nine samples of ten has bins for the
        tenth. "tree": where scikit-learn's decision tree of `bins` leaves splits that predicts y
        from the column alone. A leaf has at least one sample in 500, and 8. A validation set that
        `early_stopping` splits off is left out.
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay, with `size`.

    References
    ----------
    Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, PiecewiseLinear
    >>> X, y = np.array([[0.0], [1.0], [2.0], [6.0]]), [1.0, 2.0, 3.0, 4.0]
    >>> model = NetworkRegressor([PiecewiseLinear(2), Dense(5, "relu")]).initialize(X, y)
    >>> model.layers_[0].edges
    ((0.0, 1.5, 6.0),)
    >>> NetworkRegressor([PiecewiseLinear(2)]).initialize(X, y).hidden_activations(
    ...     [[0.75], [6.0], [10.5], [-1.5]]
    ... ).tolist()
    [[0.5, 0.0], [1.0, 1.0], [1.0, 2.0], [-1.0, 0.0]]
    """

    bins: int = 16
    size: int | None = None
    columns: Sequence[int] | None = None
    edges: str | Sequence[Sequence[float]] = QUANTILE
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        if not isinstance(self.edges, str) and hasattr(self.edges, "tolist"):
            object.__setattr__(self, "edges", self.edges.tolist())  # of an array
        self._need("bins", 1, whole=True)
        if self.size is not None:
            self._need("size", 1, whole=True)
        self._check_columns()
        if self.edges not in LEARNED:
            self._check_edges(self.edges)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)

    def _check_edges(self, edges: str | Sequence[Sequence[float]]) -> None:
        if isinstance(edges, str) or not isinstance(edges, Sequence):
            raise ValueError(
                "edges of PiecewiseLinear must be 'quantile', 'tree' or a sequence, got"
                f" {edges!r}."
            )
        found = []
        for number, own in enumerate(edges):
            own = own if isinstance(own, Iterable) else [own]
            values = [float(edge) for edge in own if isinstance(edge, Real) and isfinite(edge)]
            ascend = all(a < b for a, b in pairwise(values))
            if len(values) != len(own) or len(values) < 2 or not ascend:
                raise ValueError(
                    f"edges[{number}] of PiecewiseLinear must be two or more ascending finite"
                    f" numbers, got {own!r}."
                )
            found.append(tuple(values))
        if not found or (self.columns is not None and len(found) != len(self.columns)):
            many = "one for each column" if self.columns is None else f"{len(self.columns)}"
            raise ValueError(
                f"edges of PiecewiseLinear must be as many as columns, {many}, got {len(found)}."
            )
        object.__setattr__(self, "edges", tuple(found))
