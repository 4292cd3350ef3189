"""From descriptions of recurrences to ops with sizes, and their first values."""

from __future__ import annotations

import numpy as np

from fusednn import layers as specs
from fusednn.graph.layers.recurrent import Recurrent

from .windows import RECURRENT, Refuse, check_axes


def recurrent(refuse: Refuse, spec, shape: tuple[int, ...]) -> Recurrent:
    """The op of a recurrence that takes samples of this shape; `refuse` makes errors."""
    assert isinstance(spec, RECURRENT)
    check_axes(refuse, spec, shape)
    return Recurrent(
        shape[-1],
        int(spec.units),
        spec.activation if isinstance(spec, specs.RNN) else type(spec).__name__.lower(),
        sequences=spec.return_sequences,
        both=spec.bidirectional,
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
        bias_rate=float(spec.bias_rate_factor),
    )


def first_values(op: Recurrent, spec, random_state) -> list[np.ndarray]:
    """All parameters uniform in +-1 / sqrt(H), but for the biases of the forget gate if given."""
    bound = 1 / np.sqrt(op.units)
    forget_bias = spec.forget_bias if isinstance(spec, specs.LSTM) else None
    found = []
    for parameter in op.parameters():
        values = random_state.uniform(-bound, bound, parameter.shape)
        if forget_bias is not None and parameter.name.endswith("biases"):
            values[op.units : 2 * op.units] = forget_bias
        found.append(values)
    return found
