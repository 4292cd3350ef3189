"""The elements of a worker's scratch: what the ops of a plan need at most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.calls import Graph
from fusednn.graph.network import Network
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.ops import output
from fusednn.kernels.ops.products import narrow_dense
from fusednn.kernels.ops.updates import update

from .binding.attention import attention_elements
from .binding.convolutions import frame_elements
from .binding.loss import loss_scratch
from .binding.recurrent import recurrent_elements
from .binding.tabular.bins import embedding_elements
from .binding.tabular.periodic import periodic_elements
from .layout.far_blocks import far_elements
from .layout.forms import Form

NEEDS = (
    *(frame_elements, recurrent_elements, attention_elements),
    *(embedding_elements, periodic_elements),
)
"""Functions from a graph and a type to elements, for both kinds of plans."""


def training_elements(
    networks: Sequence[Network], graphs: Sequence[Graph], forms: Sequence[Form], dtype
) -> int:
    """For the training of networks with the same parameters, in these forms."""
    panel = SHAPE.panel(np.dtype(dtype).itemsize)
    return max(
        update.TILE_ROWS * panel,
        narrow_dense.NARROW * ROW_PANELS * panel,
        # the loss, and two rows of sums, or a mask
        *(max(loss_scratch(one.outputs), 2 * one.widest + 32) for one in networks),
        *(form.scratch for form in forms),
        *(need(graph, dtype) for graph in graphs for need in (*NEEDS, far_elements)),
    )


def inference_elements(network: Network, dtype) -> int:
    """For a chunk of rows of answers, or for a row of any op."""
    answers = output.CHUNK_ROWS * (network.outputs + 3)
    graph = network.graph(wants_dx=True)
    return max(answers, network.widest, *(need(graph, dtype) for need in NEEDS))
