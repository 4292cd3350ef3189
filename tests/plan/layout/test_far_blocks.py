"""Blocks of weights that read far rows together."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products.runs import MOST_PANELS, MOST_TILES
from fusednn.kernels.ops.updates.update import TILE_ROWS

from fusednn.plan.layout.far_blocks import LEAST_BLOCKS, far_blocks
from fusednn.plan.memory.buffers import padded

PANEL = SHAPE.panel(4)


@pytest.mark.parametrize(("I", "O"), [(1, 1), (5, 3), (64, 192), (129, 513), (1000, 4000)])
def test_every_weight_is_in_one_block(I, O):
    columns = padded(O, np.float32)
    blocks = far_blocks(I, columns, np.float32)
    counts = np.zeros((I, columns), int)
    for j, i, elements in blocks.tasks():
        part = counts[i : i + blocks.rows, j : j + blocks.columns]
        assert part.size == elements <= blocks.elements
        part += 1
    assert (counts == 1).all()
    assert blocks.columns % PANEL == 0
    assert blocks.rows % TILE_ROWS == 0


def test_large_weights_have_the_largest_blocks():
    blocks = far_blocks(8 * TILE_ROWS, 16 * PANEL, np.float32)
    assert (blocks.rows, blocks.columns) == (MOST_TILES * TILE_ROWS, MOST_PANELS * PANEL)
    assert len(list(blocks.tasks())) == LEAST_BLOCKS


def test_smaller_weights_are_cut_for_workers_to_share():
    blocks = far_blocks(TILE_ROWS, 8 * PANEL, np.float32)
    assert blocks.columns == PANEL
    assert len(list(blocks.tasks())) == LEAST_BLOCKS
