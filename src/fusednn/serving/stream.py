"""A series that a predictor answers step by step, with what the next step needs kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import empty, ndarray  # looked up in every call

from fusednn.kernels import answer as calls
from fusednn.plan.prepared_call import Resident

from . import checks
from .labels_and_values import RAW, Answers
from .model import Head

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .types import FloatArray


class Stream(Answers):
    """One series, whose steps arrive one at a time; `Predictor.stream` makes it.

    `step`, a call, `predict_proba` and `predict` each take the next step of the series, and answer
    what the predictor answers for this step: of a network that gives one answer for a series, what
    it would be if the series ended here. The bits are the predictor's for the whole series.

    It must be used by one thread at a time. `copy.copy` and `copy.deepcopy` give a stream that
    goes on from here by itself and shares the weights. A pickle holds the predictor and states.

    Attributes
    ----------
    predictor : Predictor
    n_features_in_ : int
        Features of a step.
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier, freeze
    >>> from fusednn.layers import GRU
    >>> X = np.random.default_rng(0).normal(size=(60, 5, 3)).astype(np.float32)
    >>> model = NetworkClassifier([GRU(4)], random_state=0).initialize(X, X[:, -1, 0] > 0)
    >>> stream = freeze(model).stream()
    >>> [stream.predict(x).shape for x in X[0]]
    [(1,), (1,), (1,), (1,), (1,)]
    >>> stream.reset()
    >>> stream.step(X[1, 0]).shape
    (1,)
    """

    def __init__(self, predictor: Any, call: Resident, head: Head, names: tuple[str, str]) -> None:
        super().__init__(name=names[1], **head.meaning())
        self.predictor, self.dtype = predictor, predictor.dtype
        self._call, self._names = call, names
        self._step, self._words = self._call.calls[RAW]
        self._outputs = call.columns[RAW]
        self.n_features_in_ = self._call.inputs
        self._shape = (self.n_features_in_,)

    def step(
        self, x: ArrayLike, out: FloatArray | None = None, validate: bool = True
    ) -> FloatArray:
        """Takes the next step; returns the outputs before the output activation.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            A number where there is one feature.
        out : ndarray of shape (n_outputs,), optional
            C-contiguous array in the network's type. The outputs are written to it, and it is
            returned.
        validate : bool, default=True
            False skips the search for NaN and infinity.

        Returns
        -------
        ndarray of shape (n_outputs,)

        Raises
        ------
        ValueError
            If x has another number of features, or holds NaN or infinity; the states are then as
            before.
        """
        if not (
            type(x) is ndarray
            and (x.dtype is self.dtype or x.dtype == self.dtype)
            and x.shape == self._shape
            and (flags := x.flags).c_contiguous
            and flags.aligned
        ):
            x = self._converted(x)
        if out is None:
            out = empty(self._outputs, self.dtype)
        else:
            checks.check_out(out, (self._outputs,), self.dtype)
        if status := self._step(self._words, x, out, validate):
            self._refuse(status, x)
        return out

    def reset(self) -> None:
        """Goes back to before the first step."""
        for array in self._call.carried:
            array[:] = 0

    def _answer(self, way: int, x: Any, out: np.ndarray | None, validate: bool) -> np.ndarray:
        """The answer of one kind to the next step, as one row."""
        shape, kept = (1, self._call.columns[way]), self._call.kinds[way]
        if out is None:
            out = empty(shape, kept)
        else:
            checks.check_out(out, shape, kept)
        step, words = self._call.calls[way]
        if status := step(words, self._converted(x), out.reshape(-1), validate):
            self._refuse(status, x)
        return out

    def _converted(self, x: Any) -> np.ndarray:
        given = np.atleast_1d(x) if np.ndim(x) == 0 else x
        found = checks.converted(given, self.dtype, self._names, None).reshape(-1)
        if len(found) != self.n_features_in_:
            raise ValueError(
                f"A step of this stream has {self.n_features_in_} features; got x of shape"
                f" {np.shape(x)}."
            )
        return found

    def _refuse(self, status: int, x: Any) -> None:
        if status == calls.NOT_FINITE:
            raise checks.refuse_values(np.asarray(x), self._names)
        raise RuntimeError("a compiled operation of the network failed")

    def __copy__(self) -> Stream:
        return _resumed(self.predictor, self._call.carried)

    def __deepcopy__(self, memo: dict) -> Stream:
        return self.__copy__()

    def __reduce__(self):
        return _resumed, (self.predictor, [array.copy() for array in self._call.carried])

    def __repr__(self) -> str:
        return f"<Stream of {self.predictor!r}>"


def _resumed(predictor: Any, carried: list[np.ndarray]) -> Stream:
    """A stream with what another has kept."""
    stream = predictor.stream()
    for array, kept in zip(stream._call.carried, carried, strict=True):
        array[:] = kept
    return stream
