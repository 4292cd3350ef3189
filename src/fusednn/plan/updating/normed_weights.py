"""Values computed from parameters alone, again whenever these have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.calls import Call
from fusednn.plan.binding.lowering import Lowering
from fusednn.plan.binding.program import Refresh
from fusednn.plan.layout.forms import Form, Panels

from .norms import NormedWeights


def normed_weights_of(lowering: Lowering) -> list[NormedWeights]:
    """The weight-normalised weights of a lowering; allocates memory for them."""
    found = []
    for w, v, norms in lowering.graph.normed:
        form = lowering.forms[v]
        assert isinstance(form, Panels)
        weights = lowering.memory.keep(form.count, lowering.dtype)
        lowering.derive(w, v, weights)
        found.append(NormedWeights(form, v, norms, weights))
    return found


def refreshers(lowering: Lowering, parameters: Sequence[np.ndarray]) -> list[Refresh]:
    """Functions that compute what an inference plan derives from its parameters."""
    normed = [
        Refresh(
            partial(found.refresh, parameters),
            (parameters[found.directions], parameters[found.norms]),
            (found.weights,),
        )
        for found in normed_weights_of(lowering)
    ]
    prepared = [_prepared(lowering, call) for call in lowering.graph.prepared]
    return [*normed, *_turning(lowering, parameters), *prepared]


def _prepared(lowering: Lowering, call: Call) -> Refresh:
    compute = partial(_PREPARED[call.op], lowering, call)
    read, written = (
        tuple(lowering.values(one) for one in named.values() if isinstance(one, Array))
        for named in (call.given, call.out)
    )
    return Refresh(compute, read, written)


def _turning(lowering: Lowering, parameters: Sequence[np.ndarray]) -> Iterator[Refresh]:
    """Functions that copy the weights which a forward pass reads transposed."""
    for call in lowering.graph.calls:
        if call.op != "dense_turned" or lowering.transposed(call.given["w"]) is not None:
            continue
        w, form = call.given["w"], lowering.form(call.given["w"])
        copy = lowering.memory.keep(form.transposed_count, lowering.dtype)
        lowering.set_transposed(w, copy)
        flat = parameters[lowering.number(w)]
        yield Refresh(partial(_turn, form, copy, flat), (flat,), (copy,))


def _turn(form: Form, copy: np.ndarray, flat: np.ndarray) -> None:
    """Writes the copy of w^T from w."""
    array = np.empty(form.shape, form.dtype)
    form.unpack(array, flat)
    form.pack_transposed(copy, array)


def _inverse_deviation(lowering: Lowering, call: Call) -> None:
    """1 / sqrt(variance + epsilon), in float64."""
    variance, out = lowering.values(call.given["variance"]), lowering.values(call.out["out"])
    width = call.out["out"].width
    out[:width] = 1 / np.sqrt(variance[:width].astype(float) + call.given["epsilon"])


_PREPARED = {"inverse_deviation": _inverse_deviation}
