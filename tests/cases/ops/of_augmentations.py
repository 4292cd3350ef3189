"""Cases of the op that augments samples: of images, and of series."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.ops.augment import MOVES, augment
from oracles.augmentation import augmented
from running.op_cases import SAMPLES, of_rows

from fusednn.graph.augmentation import Augmentation

KEY = np.array([5, 0], np.int64)
STEP, STREAM = 4, 2


def augmenting(make, asked):
    width, line = asked.height * asked.width * asked.channels, asked.width * asked.channels
    x, out = make.rows(make.values(SAMPLES, width)), make.empty(width)
    operands = {
        "out": out.block, "x": x.block, "key": KEY, "stream": STREAM,
        "moves": np.array([MOVES[name] for name, _ in asked.moves], np.int64),
        "amounts": np.array([amount for _, amount in asked.moves], float),
        "holes": np.array(asked.holes, np.int64),
        "fill": np.array(asked.fill or np.zeros(line), make.dtype),
        "deviations": np.array(asked.deviations, make.dtype) if asked.deviations else None,
        "n_moves": len(asked.moves), "n_holes": len(asked.holes), "height": asked.height,
        "columns": asked.width, "channels": asked.channels,
    }  # fmt: skip
    want = {"out": augmented(x.values, asked, seed=int(KEY[0]), step=STEP, stream=STREAM)}
    settings = {records.STREAM: STEP}
    return of_rows(augment, operands, {"out": out}, want, settings=settings, scratch=width + 3)


def augment_images(make):
    moves = ("flip", 0.0), ("shift", 2.0), ("rotate", 0.2), ("scale", 0.3)
    line = tuple(np.linspace(0.25, 1, 10).tolist())
    return augmenting(make, Augmentation(4, 5, 2, moves, line, (3, 2), line))


def augment_series(make):
    moves = ("stretch", 0.4), ("crop", 7.0)
    return augmenting(make, Augmentation(1, 11, 3, moves, (0.5,) * 33, (), (2.0,) * 33))


def augment_by_nothing(make):
    return augmenting(make, Augmentation(2, 3, 1))


def augment_by_squares(make):
    return augmenting(make, Augmentation(3, 4, 2, (), (), (1, 4)))


CASES = [augment_images, augment_series, augment_by_nothing, augment_by_squares]
