"""A network prepared for predictions that take microseconds."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from fusednn.plan.layout.rounded_weights import INTEGER, STORAGES, with_storage

from .calls import Answering
from .choosing import Choosing
from .computing import operations
from .files.writing import save_model
from .labels_and_values import Answers
from .model import (
    BINARY,
    COLUMNS,
    MULTICLASS,
    MULTILABEL,
    VALUES,
    Model,
    ops_of_a_step,
    output_axes,
    shown_sizes,
)
from .on_device import check_device
from .saving import Savable
from .stream import Stream

if TYPE_CHECKING:
    from .types import Device, RoundedWeights

INTEGER_SPEED = 3
"""Approximate speedup of integer products; a thread is worth this many times more operations."""

_WAYS = {  # RAW, LINKED and CHOSEN, as keys of `plan.binding.outputs.ANSWERS`
    BINARY: ("logits", "both", "above half"),
    MULTICLASS: ("logits", "outputs", "largest"),
    MULTILABEL: ("logits", "outputs", "above half"),
    COLUMNS: ("logits", "outputs", "largest"),
    VALUES: ("logits", "outputs"),
}


class Predictor(Savable, Answers):
    """A fitted network, ready for calls; `fusednn.freeze` and `fusednn.load` make it.

    Several threads may call it at the same time, without a lock. A row has the same answer, to the
    bit, alone and among other rows.

    Parameters
    ----------
    model : Model
        Its arrays are iterated once, and packed one by one.
    n_jobs : int or None
        Threads for large batches, and for few samples of a convolutional network. A number:
        exactly this many, or fewer if the work is too little. -1: all CPUs. None: as many as make
        the call faster.
    weights : {"bfloat16", "int8"} or None
        The type to which weights are rounded; see `fusednn.freeze`.
    device : {"cpu", "cuda", "auto"}
        Where it answers; see `fusednn.freeze`.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Classes of a classifier, the same as the estimator's.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If the estimator was fitted to named columns.
    dtype : dtype
        Type of the network and its outputs.
    n_jobs : int or None
    brief_rows : int
        Calls of up to this many rows keep the interpreter's lock. Longer calls release it, so
        other threads run.
    notes : dict
        The notes given to `save`; empty by default.
    weights : str or None
    device : str

    Raises
    ------
    ValueError
        If `n_jobs`, `weights` or `device` is invalid, or the CPU lacks instructions that the
        weights need.

    Examples
    --------
    A service calls it with the same arrays again and again:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, freeze
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> predictor, out = freeze(model), np.empty((1, 3))
    >>> predictor.predict_proba(X[:1], out=out) is out
    True
    >>> predictor
    <Predictor of MLPClassifier: 4-8-3, float64>
    """

    n_features_in_: int
    feature_names_in_: np.ndarray
    dtype: np.dtype
    n_jobs: int | None
    brief_rows: int
    notes: dict[str, Any]
    weights: RoundedWeights | None
    device: Device

    def __init__(
        self,
        model: Model,
        n_jobs: int | None = None,
        weights: RoundedWeights | None = None,
        device: Device = "cpu",
    ) -> None:
        check_device(device, weights)
        if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
            raise ValueError(f"n_jobs must be None or an integer that is not 0; got {n_jobs!r}.")
        head = model.head
        axes = output_axes(model.ops)
        super().__init__(name=model.names[1], **head.meaning(), axes=axes)
        self.weights, self.device = weights, device
        self._ops, self._head, self._names = model.ops, head, model.names
        self._features, self._network = model.features, model.network
        self._columns, self._axes = model.columns, model.axes
        if weights is not None:
            model = self._reduce(model, weights)
        self.dtype, self.n_jobs = np.dtype(model.dtype), n_jobs
        self.notes = dict(model.notes or {})
        self.n_features_in_ = model.inputs
        if model.features is not None:
            self.feature_names_in_ = np.array(model.features, object)
        flops = operations(self._network)
        if weights == INTEGER and not self._network.convolves():
            flops = max(1, flops // INTEGER_SPEED)
        self._answering = Answering(
            self._network,
            model.arrays,
            self.dtype,
            _WAYS[head.kind],
            flops=flops,
            n_jobs=n_jobs,
            names=model.names,
            features=None if model.columns else model.features,
            axes=model.axes,
            device=device,
        )
        self._answer = self._answering.answer  # saves a look-up in every call
        if model.columns is not None:
            chosen = Choosing(self._answering, model.columns, model.names, model.features)
            self._answer = chosen.answer
        if axes:
            self._answer = partial(self._with_axes, self._answer, self._answering.widths)
        self.brief_rows = self._answering.brief_rows

    def _reduce(self, model: Model, weights: str) -> Model:
        """Makes the network store rounded weights; the model is float32."""
        if weights not in STORAGES:
            names = ", ".join(map(repr, STORAGES))
            raise ValueError(f"weights must be None or one of {names}; got {weights!r}.")
        self._network = with_storage(self._network, weights)
        return model._replace(dtype=np.dtype(np.float32))

    # -- what it is ----------------------------------------------------------------------

    def model(self) -> Model:
        """The model, with new arrays; rounded weights are in float32.

        A predictor made from it with the same `weights` has the same weights, to the bit.
        """
        return Model(
            self._ops,
            self._answering.arrays(),
            self._head,
            self.dtype,
            self._names,
            self._features,
            self.notes,
            self._columns,
            self._axes,
        )

    def stream(self) -> Stream:
        """A series to be answered step by step, from its first step on.

        Streams share the predictor's weights; each has states of its own. Several may be used in
        turn, and a copy goes on from where its original is.

        Returns
        -------
        Stream

        Raises
        ------
        ValueError
            If a layer looks ahead or needs the whole series, or X does not consist of the
            network's columns alone; the message names the layer.

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import NetworkRegressor, freeze
        >>> from fusednn.layers import LSTM
        >>> X = np.random.default_rng(0).normal(size=(50, 9, 2)).astype(np.float32)
        >>> model = NetworkRegressor([LSTM(8)], random_state=0).initialize(X, X[:, 0, 0])
        >>> predictor = freeze(model)
        >>> stream = predictor.stream()
        >>> outputs = [stream.step(x) for x in X[0]]
        >>> bool(outputs[-1] == predictor(X[0])[0])
        True
        """
        ops = ops_of_a_step(self._network.ops, self._columns)
        return Stream(self, self._answering, ops, self._head, self._names)

    def _write(self, path, notes):
        model = self.model()
        save_model(model if notes is None else model._replace(notes=notes), path)

    def __reduce__(self):
        return Predictor, (self.model(), self.n_jobs, self.weights, self.device)

    def __repr__(self):
        sizes = shown_sizes(self.n_features_in_, self._ops)
        kept = f", weights {self.weights}" if self.weights else ""
        return f"<Predictor of {self._names[1]}: {'-'.join(map(str, sizes))}, {self.dtype}{kept}>"
