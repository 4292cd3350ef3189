"""How much scratch the kernels of a training plan need per worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusednn.graph.network import Network
from fusednn.graph.trace import Graph
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.ops.products import narrow_dense
from fusednn.kernels.ops.updates import update

from .binding.attention import attention_elements
from .binding.convolutions import frame_elements
from .binding.loss import loss_scratch
from .binding.recurrent import recurrent_elements
from .layout.far_blocks import far_elements
from .layout.forms import Form


def training_scratch(
    networks: Iterable[Network], graphs: Sequence[Graph], forms: Iterable[Form], dtype
) -> int:
    """Elements of scratch for graphs of training, of these networks.

    Parameters
    ----------
    networks : iterable of Network
    graphs : sequence of Graph
    forms : iterable of Form
        Those of the parameters.
    dtype : dtype
    """
    panel = SHAPE.panel(dtype.itemsize)
    return max(
        update.TILE_ROWS * panel,
        narrow_dense.NARROW * ROW_PANELS * panel,
        # the loss, and two rows of sums, or a mask
        *(max(loss_scratch(one.outputs), 2 * one.widest + 32) for one in networks),
        *(form.scratch for form in forms),
        *(frame_elements(graph, dtype) for graph in graphs),
        *(recurrent_elements(graph, dtype) for graph in graphs),
        *(far_elements(graph, dtype) for graph in graphs),
        *(attention_elements(graph, dtype) for graph in graphs),
    )
