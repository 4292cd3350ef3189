"""Binds what adversarial training reads: noise, data beside generated rows, and mixtures."""

from __future__ import annotations

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops import game
from fusednn.plan.memory.buffers import Block

from .data import DenseRows
from .lowering import Lowering


class GameRows(DenseRows):
    """Rows of an array; where rows are generated, data and these, or mixtures of both.

    Parameters
    ----------
    X : ndarray
        Read in place.
    made : Block, optional
        The generated rows of a batch.
    half : int
        The rows of a batch that are data.
    shares, targets : ndarray, optional
        The shares of the data in mixtures, and the targets of these.
    """

    def __init__(
        self, X: np.ndarray, made: Block | None = None, half: int = 0,
        shares: np.ndarray | None = None, targets: np.ndarray | None = None,
    ):  # fmt: skip
        super().__init__(X, X.dtype)
        self._made, self._half, self._shares, self.targets = made, half, shares, targets

    def gather(
        self, lowering, out: Block, order: np.ndarray | None, clears: bool = True,
        padded: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """The record that copies the rows of a batch."""
        if self._made is None:
            return super().gather(lowering, out, order, clears, padded)
        operands = {"out": out, "data": self.block, "made": self._made, "order": order}
        if self._shares is None:
            return lowering.program.record(game.gather_both, {**operands, "half": self._half})
        return lowering.program.record(game.gather_mixed, {**operands, "shares": self._shares})


def wait(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """No record: what follows waits until all rows are done."""
    return []


def pick_class(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record that begins the derivative of the output of each row's class."""
    assert isinstance(lowering.source, GameRows)
    operands = {
        "dlogits": lowering.blocks[call.out["dlogits"]],
        "targets": lowering.source.targets,
    }
    return [lowering.program.record(game.pick_class, operands)]


def penalize(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record of the gradient penalty, and of its gradient."""
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "losses": lowering.values(call.out["losses"])[0],
        "x": lowering.blocks[call.given["x"]],
        "factor": call.given["factor"],
    }
    return [lowering.program.record(game.penalize, operands)]
