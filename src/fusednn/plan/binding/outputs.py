"""The kinds of answers of a network, and the records that write them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels.ops import answers
from fusednn.plan.memory.buffers import Block

from .loss import loss_row
from .lowering import Lowering


class Answer(NamedTuple):
    """One kind of answer.

    Parameters
    ----------
    op : kernel
        Writes the answers of a block of rows.
    linked : bool
        Whether the output activation is applied, to each group of outputs by itself.
    columns : callable
        From a network to the columns of the answer for a row.
    dtype : dtype or None
        The type of the answer; None: the network's.
    """

    op: Any
    linked: bool
    columns: Callable[[Network], int]
    dtype: Any = None

    def width(self, network: Network) -> int:
        """Columns of the answer for a sample, whose rows lie side by side."""
        return prod(network.out_shape[:-1]) * self.columns(network)


def _outputs(network: Network) -> int:
    return network.outputs


def _groups(network: Network) -> int:
    return len(network.output_groups())


ANSWERS = {
    "logits": Answer(answers.emit_outputs, False, _outputs),
    "outputs": Answer(answers.emit_outputs, True, _outputs),
    "both": Answer(answers.emit_both, True, lambda network: 2),  # of one logistic output
    "largest": Answer(answers.emit_largest, True, _groups, np.dtype(np.int64)),
    "above half": Answer(answers.emit_above_half, True, _outputs, np.dtype(np.int64)),
}


def add_answer(
    lowering: Lowering, network: Network, x: Block, name: str, emitted: np.ndarray
) -> None:
    """Adds the records that write the answers for logits x to `emitted` (samples, columns).

    Nothing is written to the answers for the padding of series.
    """
    answer = ANSWERS[name]
    function = loss_row(network).link if answer.linked else None
    groups = network.output_groups() if function else [(0, network.outputs)]
    stride, flat = answer.columns(network), emitted.reshape(-1)
    for number, (first, width) in enumerate(groups):
        operands = {
            "logits": x.part(first, width),
            "function": function and (function, "link"),
            "emitted": Block(flat[number if name == "largest" else first :], stride, width),
        }
        lowering.add(answer.op, operands, lowering.lengths_of(lowering.graph.logits))
