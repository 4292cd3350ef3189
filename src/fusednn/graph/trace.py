"""Records a network as calls: forward, and backward along a tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .arrays import CHUNKS, NETWORK, SAMPLES, Array
from .calls import Call, Varied
from .gradients import Both, Gradient, Partials, Sum, Sums, TokenLookups
from .linked_arrays import Carried, Normed, Scaled, Turned
from .parameters import Parameter

Step = Callable[[Array], Array | None]
"""A backward step: from the gradient by an op's output to that by its input, if that is needed."""


class Trace:
    """Records the calls of a network.

    Parameters
    ----------
    x : Array
        The data.
    trains : bool
        Whether parameters have gradients, and statistics are those of the batch.
    noisy : bool
        Whether there are dropout and noise.
    wants_dx : bool
        Whether the gradient by the data is wanted.

    Attributes
    ----------
    goes_back : bool
        Whether there is a backward pass.
    tape : list of Step
        The backward steps, in forward order.
    firsts : list of int
        The number of each op's first parameter.
    lengths : dict of Array to Array
        As in `Graph`.
    data_lengths : Array or None
        The steps of the samples, if these are padded series; the first op, which gives them a time
        axis, takes it.
    losses : Array or None
        The losses of the samples, when the way back begins.
    is_frozen, is_scaled : bool
        Whether parameters that are taken now are not trained, and whether weights are divided by
        their largest singular value.
    is_shared : bool
        Whether threads share the work on each sample.
    layer : Layer or None
        Whose calls are being added; those of the way back are no layer's.
    """

    def __init__(
        self, x: Array, *, trains: bool = False, noisy: bool = False, wants_dx: bool = False,
        is_shared: bool = False,
    ):  # fmt: skip
        self.x, self.trains, self.noisy = x, trains, noisy and trains
        self.goes_back = trains or wants_dx
        self.tape: list[Step] = []
        self.parameters: list[tuple[Parameter, Array]] = []
        self.normed: list[Normed] = []
        self.prepared: list[Call] = []
        self.calls: list[Call] = []
        self.firsts: list[int] = []
        self.gradients: dict[int, Gradient] = {}
        self.carried: list[Carried] = []
        self.turned: list[Turned] = []
        self.scaled: list[Scaled] = []
        self._needs_gradient: set[Array] = {x} if wants_dx else set()
        self._numbers: dict[Array, int] = {}
        self._flat: dict[Array, Array] = {}
        self._activated: dict[Array, tuple[Step, Callable[[Array], Step]]] = {}
        self.lengths: dict[Array, Array] = {}
        self.data_lengths: Array | None = None
        self.losses: Array | None = None
        self.streams = 0
        self.varied: list[Varied] = []
        self.is_frozen, self.is_scaled, self.is_shared = False, False, is_shared
        self.layer: Any = None

    def along(self, ops: Sequence[Any], x: Array) -> list[Array]:
        """Traces ops in a row, and notes whose calls they add; the output of each."""
        before, outputs = self.layer, []
        for op in ops:
            self.layer = op
            x = op.trace(self, x)
            outputs.append(x)
        self.layer = before
        return outputs

    def take(self, parameters: Sequence[Parameter]) -> list[Array]:
        """The arrays of an op's parameters; ops take theirs in the order of the network."""
        arrays = []
        for parameter in parameters:
            array = Array(parameter.shape, NETWORK, "float64" if parameter.exact else "real")
            self._numbers[array] = len(self.parameters)
            if self.trains and parameter.trained and not self.is_frozen:
                self._needs_gradient.add(array)
            self.parameters.append((parameter, array))
            if self.is_scaled and parameter.name == "weights":
                self.scaled.append(Scaled(self._weights_of(array, array.shape), array))
                array = self.scaled[-1].w
            arrays.append(array)
        return arrays

    def _weights_of(self, parameter: Array, shape: tuple[int, ...]) -> Array:
        """Weights that are made of a parameter, which gets their gradient."""
        w = Array(shape, NETWORK)
        self._numbers[w] = self._numbers[parameter]
        self._mark_dependent({"w": w}, {"w": parameter})
        return w

    def carry(self, *shape: int) -> Carried:
        """New arrays for what a call keeps from one run to the next."""
        self.carried.append(Carried(Array(shape), Array(shape)))
        return self.carried[-1]

    def norm(self, w: Array, v: Array, norms: Array) -> None:
        """Declares that w has the directions of v and these norms."""
        self.normed.append(Normed(w, self._numbers[v], self._numbers[norms]))
        self._mark_dependent({"w": w}, {"v": v})

    def turn(self, parameter: Array) -> Array:
        """Weights (I, O) that are a parameter (O, I) transposed; it gets both gradients."""
        O, I = parameter.shape
        self.turned.append(Turned(self._weights_of(parameter, (I, O)), parameter))
        return self.turned[-1].w

    def call(self, op: str, out: Mapping[str, Array], /, **given: Any) -> None:
        """Adds a call that runs for each block of samples.

        Without an operand `lengths` it runs for the steps of padded series, each row by itself, or
        for sums of them.
        """
        read, written = _over_samples(given), _over_samples(out)
        lengths = None
        if "lengths" not in given:
            x = next((array for array in read if array in self.lengths), None)
            rows = [array for array in written if x and array.positions == x.positions]
            sums = not written and all(array.over == CHUNKS for array in out.values())
            if x and (rows or sums):
                lengths = self.lengths[x]
                self.lengths.update(dict.fromkeys(rows, lengths))
        self.calls.append(
            Call(op, out, given, arrays=(*read, *written), lengths=lengths, layer=self.layer)
        )
        self._mark_dependent(out, given)

    def lengths_of(self, array: Array) -> Array | None:
        """The steps of each sample of an array with a time axis, if series are padded."""
        return self.lengths.get(array)

    def set_lengths(self, lengths: Array | None, *arrays: Array) -> None:
        """Sets the steps of each sample of arrays with a time axis, if series are padded."""
        if lengths is not None:
            self.lengths.update(dict.fromkeys(arrays, lengths))

    def call_once(self, op: str, out: Mapping[str, Array], /, **given: Any) -> None:
        """Adds a call that runs once, after the calls before it have run for all samples."""
        self.calls.append(Call(op, out, given, once=True, layer=self.layer))

    def prepare(self, op: str, out: Mapping[str, Array], /, **given: Any) -> None:
        """Adds a call on parameters alone."""
        self.prepared.append(Call(op, out, given))

    def _mark_dependent(self, out: Mapping[str, Array], given: Mapping[str, Any]) -> None:
        """Marks outputs that depend on an array with a gradient as needing one too."""
        for value in given.values():
            arrays = value if isinstance(value, tuple) else (value,)
            if any(isinstance(array, Array) and self.needs_gradient(array) for array in arrays):
                self._needs_gradient.update(out.values())
                return

    def note_reshaped(self, out: Array, x: Array) -> None:
        """Notes that out has the elements of x in their order."""
        if x.positions == 1:
            self._flat[out] = x

    def note_activated(self, out: Array, step: Callable[[Array], Step]) -> None:
        """Notes that the last backward step multiplies by a function of the values of `out` alone.

        `step` makes the same step for another array.
        """
        self._activated[out] = self.tape[-1], step

    def differentiate_chosen(self, x: Array, chosen: Array, back: Step) -> None:
        """Adds the backward step of an op that gives some of the values of x, and no others.

        Where x is an activation's output, its derivative moves behind the choice, to fewer values;
        then x need not be kept.
        """
        found = self._activated.get(x)
        if found is None or not self.tape or self.tape[-1] is not found[0]:
            self.tape.append(back)
            return
        self.tape[-1:] = [back, found[1](chosen)]

    def flat(self, x: Array) -> Array:
        """The array of one row for each sample that x is a reshape of, if there is one, or x."""
        return self._flat.get(x, x)

    def needs_gradient(self, array: Array) -> bool:
        """Whether it is, or depends on, a trained parameter, or the data if `wants_dx`."""
        return array in self._needs_gradient

    def has_gradient(self, w: Array) -> bool:
        """Whether a later layer has the same weights, and has set their gradient."""
        return self._numbers.get(w) in self.gradients

    def differentiate(self, parameter: Array, gradient: Gradient) -> None:
        """Sets the gradient of a parameter, if it is trained, or adds an earlier layer's to it."""
        if not self.needs_gradient(parameter):
            return
        before = self.gradients.get(number := self._numbers[parameter])
        if isinstance(gradient, TokenLookups) and before is not None:
            assert isinstance(before, Sum | Partials)
            gradient = Both(before, gradient)
        elif before is not None:
            assert isinstance(before, Sum)
            assert isinstance(gradient, Sum)
            gradient = Sums(gradient, before)
        self.gradients[number] = gradient

    def next_stream(self) -> int:
        """The number of a new random stream."""
        self.streams += 1
        return self.streams - 1

    def vary(self, kind: str, amount: float, schedule: object) -> int | None:
        """The number of noise with a schedule, which is shared by all that is alike; else None."""
        if schedule is None:
            return None
        found = Varied(kind, amount, schedule)
        if found not in self.varied:
            self.varied.append(found)
        return self.varied.index(found)

    def back(self, d: Array | None, tape: Sequence[Step]) -> Array | None:
        """Runs a tape backward: from the gradient by its last output to that by its first input.

        None if no gradient is needed there.
        """
        for step in reversed(tape):
            if d is None:
                return None
            d = step(d)
        return d


def _over_samples(named: Mapping[str, Any]) -> list[Array]:
    """The arrays over samples among operands."""
    return [one for one in named.values() if isinstance(one, Array) and one.over == SAMPLES]
