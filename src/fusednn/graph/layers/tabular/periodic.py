"""Periodic embeddings of numeric columns; the other columns are copied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials
from fusednn.graph.layers.epilogue import NOTHING, Epilogue
from fusednn.graph.layers.layer import rowwise
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .chosen_columns import plain_of


@dataclass(frozen=True)
class Periodic:
    """Parameters: frequencies (columns, F), phases (columns, F), weights (S, columns, F), biases
    (S, columns); of PLR no phases, and weights (2 S, columns, F).

    Parameters
    ----------
    fan_in : int
    columns : tuple of int
        The columns that are embedded.
    frequencies, size : int
        F, and the numbers that a column becomes: S and the column itself, of PLR S.
    is_plr : bool
        Cosines and sines and max(x, 0), as in PLR; else cosines with phases, as in PBLD.
    after : Epilogue
    rate, decay : float
        Factors of the learning rate and of the decay, of all parameters.
    """

    fan_in: int
    columns: tuple[int, ...]
    frequencies: int
    size: int
    is_plr: bool = False
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @property
    def plain(self) -> list[int]:
        """The columns that are copied."""
        return plain_of(self.fan_in, self.columns)

    @property
    def sums(self) -> int:
        """S: how many sums of cosines a column has."""
        return self.size if self.is_plr else self.size - 1

    @property
    def fan_out(self) -> int:
        return self.fan_in + len(self.columns) * (self.size - 1)

    def parameters(self) -> list[Parameter]:
        m, F, S = len(self.columns), self.frequencies, self.sums
        shapes = {
            "frequencies": (m, F),
            "phases": (m, F),
            "weights": (2 * S if self.is_plr else S, m, F),
            "biases": (S, m),
        }
        if self.is_plr:
            del shapes["phases"]
        return [
            Parameter(name, shape, DRAWN, self.rate, self.decay) for name, shape in shapes.items()
        ]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        w, *phases, v, c = trace.take(self.parameters())
        given: dict[str, Any] = {"w": w, "b": phases[0] if phases else None, "v": v}
        given["columns"] = self.columns
        out = Array((*x.shape[:-1], self.fan_out))
        trace.call("periodic_forward", {"out": out}, x=x, c=c, **given)
        trace.tape.append(partial(self._back, trace, x, out, c, given))
        return self.after.trace(trace, out)

    def _back(
        self, trace: Trace, x: Array, out: Array, c: Array, given: dict[str, Any], dout: Array
    ) -> Array | None:
        given = {**given, "x": x, "dout": dout, "out": out if self.is_plr else None}
        parameters = {"dw": given["w"], "dv": given["v"], "dc": c}
        if not self.is_plr:
            parameters["db"] = given["b"]
        if any(map(trace.needs_gradient, parameters.values())):
            sums = {name: Array(one.shape, CHUNKS) for name, one in parameters.items()}
            trace.call("periodic_sums", sums, **given)
            for name, parameter in parameters.items():
                trace.differentiate(parameter, Partials(sums[name]))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("periodic_backward", {"dx": dx}, **given)
        return dx
