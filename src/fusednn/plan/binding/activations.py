"""Epilogues from the table of activations: derivatives, floors and constants."""

from __future__ import annotations

from fusednn.graph.layers.epilogue import NONE, OF_OUTPUT, OF_SLOPES, Epilogue
from fusednn.kernels.activations import ACTIVATIONS


def epilogue(
    activation: str,
    constants: tuple[float, ...] = (),
    dropout: float = 0.0,
    alpha: bool = False,
) -> Epilogue:
    """The epilogue with an activation of the table `kernels.activations.ACTIVATIONS`."""
    row, derivative = ACTIVATIONS[activation], OF_OUTPUT
    if row.slopes is not None:
        derivative = OF_SLOPES
    elif row.forward is None:
        derivative = NONE
    return Epilogue(activation, constants, dropout, alpha, derivative, row.floor)


def constants_of(after: Epilogue) -> tuple[float, ...]:
    """The constants of its activation: its own, or the table's."""
    return after.constants or ACTIVATIONS[after.activation].constants
