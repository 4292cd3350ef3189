"""A series that a predictor answers step by step, with what the next step needs kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import empty, ndarray  # looked up in every call

from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.one_step import most_steps, several_steps
from fusednn.graph.op_names import name_in
from fusednn.kernels import answer as calls

from . import checks, refusals
from .labels_and_values import RAW, Answers
from .model import Head
from .step_input import input_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fusednn.graph.layers.layer import Layer
    from fusednn.plan.prepared_call import Resident

    from .computing import Computing
    from .types import FloatArray

TOGETHER = 32
"""Steps that `steps` takes at once, so that weights are read once for them."""


class Stream(Answers):
    """One series, whose steps arrive one at a time; `Predictor.stream` makes it.

    `step`, a call, `predict_proba` and `predict` each take the next step of the series, and answer
    what the predictor answers for this step: of a network that gives one answer for a series, what
    it would be if the series ended here. The bits are the predictor's for the whole series.

    A step of a network over tokens is a code. Causal attention keeps the keys and values of as
    many steps as a series of the fit has. Behind that many, learned and sinusoidal positions have
    no more; with rotary positions, or none, attention slides: a step sees the last steps, and
    their positions count from the oldest of them. A network with one such layer then answers as
    the predictor answers for these steps alone, to the bit; in one with several the layers
    behind the first hear of older steps too.

    It must be used by one thread at a time. `copy.copy` and `copy.deepcopy` give a stream that
    goes on from here by itself and shares the weights. A pickle holds the predictor and states.

    Attributes
    ----------
    predictor : Predictor
    n_features_in_ : int
        Features of a step; 1 of tokens.
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

    def __init__(
        self,
        predictor: Any,
        answering: Computing,
        ops: tuple[Layer, ...],
        head: Head,
        names: tuple[str, str],
    ) -> None:
        super().__init__(name=names[1], **head.meaning())
        self.predictor, self.dtype = predictor, predictor.dtype
        self._answering, self._ops, self._names = answering, ops, names
        self._call = call = answering.step_call(ops)
        self._together: Resident | None = None
        self._step, self._words = call.calls[RAW]
        self._outputs = call.columns[RAW]
        self.n_features_in_ = call.inputs
        self._shape = (self.n_features_in_,)
        self._input = input_of(ops[0], self.dtype, names)
        self._reads_tokens = isinstance(ops[0], TokenEmbedding)
        bound = most_steps(ops)
        self._most = 0 if bound is None else bound[0]  # 0: any number
        self._taken = 0  # if there is a most

    def step(
        self, x: ArrayLike, out: FloatArray | None = None, validate: bool = True
    ) -> FloatArray:
        """Takes the next step; returns the outputs before the output activation.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            A number where there is one feature; a code where the network reads tokens.
        out : ndarray of shape (n_outputs,), optional
            C-contiguous array in the network's type. The outputs are written to it, and it is
            returned.
        validate : bool, default=True
            False skips the search for NaN and infinity, and for codes that are no tokens.

        Returns
        -------
        ndarray of shape (n_outputs,)

        Raises
        ------
        ValueError
            If x has another number of features, holds NaN or infinity, or is no token; or if the
            network has positions for no further step. The states are then as before.
        """
        if self._reads_tokens or not (
            type(x) is ndarray
            and (x.dtype is self.dtype or x.dtype == self.dtype)
            and x.shape == self._shape
            and (flags := x.flags).c_contiguous
            and flags.aligned
        ):
            x = self._input.one(x, validate)
        if out is None:
            out = empty(self._outputs, self.dtype)
        else:
            checks.check_out(out, (self._outputs,), self.dtype)
        if self._most and self._taken == self._most:
            self._refuse_more(1)
        if status := self._step(self._words, x, out, validate):
            self._refuse(status, x)
        if self._most:
            self._taken += 1
        return out

    def steps(self, X: ArrayLike, validate: bool = True) -> FloatArray:
        """Takes the next steps; returns the outputs of each before the output activation.

        The bits are those of one `step` after the other. Many steps take less time, since weights
        are read once for some steps together; not where the network has a recurrence or a
        convolution over several steps.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features), or (n_steps,)
            Tokens are (n_steps,).
        validate : bool, default=True
            False skips the search for NaN and infinity, and for codes that are no tokens.

        Returns
        -------
        ndarray of shape (n_steps, n_outputs)

        Raises
        ------
        ValueError
            As `step` does, before a step is taken.

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import NetworkClassifier, freeze
        >>> from fusednn.layers import LSTM, TokenEmbedding
        >>> X = np.random.default_rng(0).integers(0, 9, size=(30, 6))
        >>> layers = [TokenEmbedding(4), LSTM(8, return_sequences=True)]
        >>> model = NetworkClassifier(layers, random_state=0).initialize(X, X)
        >>> stream = freeze(model).stream()
        >>> outputs = stream.steps(X[0, :5])
        >>> stream.step(X[0, 5]).shape
        (9,)
        """
        X = self._input.several(X, validate)
        out = empty((len(X), self._outputs), self.dtype)
        if self._most and self._taken + len(X) > self._most:
            self._refuse_more(len(X))
        at = 0
        while len(X) - at >= TOGETHER and self._can_take_several():
            behind = at + TOGETHER
            assert self._together is not None
            take, words = self._together.calls[0]
            if status := take(words, X[at:behind].reshape(-1), out[at:behind].reshape(-1), False):
                self._refuse(status, X)
            at = behind
        for row in range(at, len(X)):
            if status := self._step(self._words, X[row], out[row], False):
                self._refuse(status, X)
        self._taken += len(X)
        return out

    def reset(self) -> None:
        """Goes back to before the first step."""
        for array in self._call.carried:
            array[:] = 0
        self._taken = 0

    def _can_take_several(self) -> bool:
        """Whether several steps can be taken at once; makes the call ready."""
        if self._together is None:
            ops = several_steps(self._ops, TOGETHER)
            if not ops:
                return False
            self._together = self._answering.step_call(ops, self._call)
        return True

    def _answer(self, way: int, x: Any, out: np.ndarray | None, validate: bool) -> np.ndarray:
        """The answer of one kind to the next step, as one row."""
        shape, kept = (1, self._call.columns[way]), self._call.kinds[way]
        if out is None:
            out = empty(shape, kept)
        else:
            checks.check_out(out, shape, kept)
        step, words = self._call.calls[way]
        x = self._input.one(x, validate)
        if self._most and self._taken == self._most:
            self._refuse_more(1)
        if status := step(words, x, out.reshape(-1), validate):
            self._refuse(status, x)
        self._taken += 1
        return out

    def _refuse_more(self, count: int) -> None:
        """Raises for more steps than the network has positions for."""
        bound = most_steps(self._ops)
        assert bound is not None
        most, op = bound
        raise ValueError(
            f"The stream has taken {self._taken} steps and cannot take {count} more:"
            f" {name_in(self._ops, op)} has positions of {most}; reset() begins a new series."
        )

    def _refuse(self, status: int, x: Any) -> None:
        if status == calls.NOT_FINITE:
            raise refusals.refuse_values(np.asarray(x), self._names)
        raise RuntimeError("a compiled operation of the network failed")

    def __copy__(self) -> Stream:
        return _resumed(self.predictor, self._call.carried, self._taken)

    def __deepcopy__(self, memo: dict) -> Stream:
        return self.__copy__()

    def __reduce__(self):
        carried = [array.copy() for array in self._call.carried]
        return _resumed, (self.predictor, carried, self._taken)

    def __repr__(self) -> str:
        return f"<Stream of {self.predictor!r}>"


def _resumed(predictor: Any, carried: list[np.ndarray], taken: int) -> Stream:
    """A stream with what another has kept."""
    stream = predictor.stream()
    for array, kept in zip(stream._call.carried, carried, strict=True):
        array[:] = kept
    stream._taken = taken
    return stream
