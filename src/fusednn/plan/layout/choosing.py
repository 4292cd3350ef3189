"""Chooses the form of each parameter of a network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fusednn.graph.calls import Call, Graph
from fusednn.graph.network import Network
from fusednn.kernels.ops.products import narrow_dense

from .forms import Column, Form, Panels, Table, Vectors
from .reduced_taps import stored_taps
from .rounded_weights import FORMS
from .turned_panels import TURNED, TurnedPanels

TRANSPOSING = (
    *("dense_backward", "dense_turned", "convolve_backward"),
    *("rnn_backward", "lstm_backward", "gru_backward"),
)
"""The calls that read a copy of w^T."""


ROUNDED = "dense", "rnn_forward", "rnn_carried", "lstm_forward", "gru_forward"
"""The calls that read weights which may be rounded, besides those of windows."""

LOOKING_UP = "embed_rows", "embed_tokens"
"""The calls that read tables."""


READ_BY_ROWS = {"periodic_forward": ("w", "b", "v", "c"), "embed_bins": ("w", "b", "v")}
"""The calls that read parameters of several axes by rows along the last, and their operands."""


def forms_of(network: Network, dtype, wants_dx: bool = False) -> tuple[Form, ...]:
    """The form of each parameter, in the order of the network.

    Parameters
    ----------
    network : Network
    dtype : dtype
    wants_dx : bool
        Whether the gradient by the data is computed, which needs a copy of the first w^T.
    """
    return _forms(network._replace(loss=None, groups=(), loss_constants=()), dtype, wants_dx)


@lru_cache(maxsize=64)
def _forms(network: Network, dtype, wants_dx: bool) -> tuple[Form, ...]:
    graph = network.graph(trains=True)
    products, backward = _weights_of(graph, "dense"), _weights_of(graph, "dense_backward")
    storages = {
        number: call.given["storage"]
        for op in ROUNDED
        for number, call in _weights_of(graph, op).items()
    }
    whole = network.graph(trains=True, wants_dx=True) if wants_dx else graph
    copied = {number for op in TRANSPOSING for number in _weights_of(whole, op)}
    tables = [call.given["tables"] for call in graph.calls if call.op in LOOKING_UP]
    tables += [(call.given["table"],) for call in graph.calls if call.op == "add_positions"]
    by_rows = {
        call.given[name]
        for call in graph.calls
        for name in READ_BY_ROWS.get(call.op, ())
        if call.given[name] is not None
    }
    convolutions = _weights_of(graph, "convolve") | _weights_of(graph, "convolve_transposed")
    turned = {one.parameter for one in graph.turned}
    forms: list[Form] = []
    for number, (parameter, array) in enumerate(graph.parameters):
        call = products.get(number)
        if storages.get(number) and array in turned:
            forms.append(TURNED[storages[number]](*parameter.shape))
        elif storages.get(number):
            forms.append(FORMS[storages[number]](*parameter.shape))
        elif array in turned:
            count, size = parameter.shape
            forms.append(TurnedPanels(count, size, dtype, transposed=number in copied))
        elif call is not None:
            fan_in, fan_out = parameter.shape
            # a last layer of few units, behind trained parameters, computes dot products
            is_last = network.is_whole and call.out["out"] is graph.logits
            if is_last and number in backward and fan_out <= narrow_dense.NARROW:
                forms.append(Vectors(fan_in, fan_out, dtype))
            else:
                forms.append(Panels(fan_in, fan_out, dtype, transposed=number in copied))
        elif any(array in found for found in tables):
            count, size = parameter.shape
            forms.append(Table(count, size, dtype))
        elif array in by_rows or len(parameter.shape) == 1:
            element = np.float64 if parameter.exact else dtype
            forms.append(Column(parameter.shape, element, decays=parameter.decay > 0))
        elif len(parameter.shape) > 2:
            forms.append(stored_taps(convolutions[number], dtype, number in copied))
        else:
            fan_in, fan_out = parameter.shape
            forms.append(Panels(fan_in, fan_out, dtype, transposed=number in copied))
    return tuple(forms)


def _weights_of(graph: Graph, op: str) -> dict[int, Call]:
    """The calls of an op by their weights' parameter number, that of v for normalised weights."""
    numbers = {array: number for number, (_, array) in enumerate(graph.parameters)}
    numbers |= {normed.w: normed.v for normed in graph.normed}
    numbers |= {one.w: numbers[one.parameter] for one in graph.turned}
    return {numbers[call.given["w"]]: call for call in graph.calls if call.op == op}
