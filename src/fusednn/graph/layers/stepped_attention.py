"""Causal attention and positions of a series that arrives step by step."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .attention import Attention, Positions
from .epilogue import NOTHING, Epilogue
from .layer import distinct

SPARE = 16
"""Steps behind those of a cache, so that whole vectors of them can be read."""


@distinct
class SteppedAttention(NamedTuple):
    """Attention of each step to itself and those before it, up to `length` steps in all.

    It has no parameters. The keys and values of the steps are kept from run to run; the oldest
    make room for the newest. Rotary positions are then those in the window of steps that are
    kept, the oldest of which is the first.

    Parameters
    ----------
    size, heads, key_heads, base, after
        As in `Attention`.
    length : int
        The most steps that are attended to.
    """

    size: int
    heads: int
    key_heads: int
    length: int
    base: float = 0.0
    after: Epilogue = NOTHING

    @classmethod
    def of(cls, op: Attention, length: int) -> SteppedAttention:
        """That of causal attention in series of so many steps."""
        return cls(op.size, op.heads, op.key_heads, length, op.base, op.after)

    @property
    def fan_in(self) -> int:
        return (self.heads + 2 * self.key_heads) * self.size

    @property
    def fan_out(self) -> int:
        return self.heads * self.size

    @property
    def kept(self) -> int:
        """Columns of the keys of all key heads, and of their values."""
        return self.key_heads * self.size

    def parameters(self) -> list[Parameter]:
        return []

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2 or shape[1] != self.fan_in:
            raise ValueError(
                f"takes axes (steps, {self.fan_in}), but the op before it has {shape}"
            )
        return shape[0], self.fan_out

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        rows = prod(shape[:-1]) * self.heads
        return [(rows, self.size, self.length), (rows, self.length, self.size)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return False

    def trace(self, trace: Trace, x: Array) -> Array:
        """The caches have room for twice the steps: they are moved once in so many steps."""
        out, room = Array((x.shape[0], self.fan_out)), 2 * self.length
        caches = {
            "keys": trace.carry(self.kept, room + SPARE),
            "values": trace.carry(room, self.kept),
            "place": trace.carry(1),
        }
        if self.base:
            caches["turned"] = trace.carry(self.kept, self.length + SPARE)
        written = {"out": out} | {name: one.after for name, one in caches.items()}
        before = {f"{name}_before": one.before for name, one in caches.items()}
        given = {name: getattr(self, name) for name in ("heads", "key_heads", "length", "base")}
        trace.call("attend_next", written, qkv=x, **given, **before)
        trace.tape.append(lambda dout: None)
        return self.after.trace(trace, out)


@distinct
class SteppedPositions(NamedTuple):
    """out = after(x + table), a row of the table for each step, from run to run.

    Behind the last row of the table steps have this row; streams refuse them before.

    Parameters
    ----------
    steps, width, learned, after, rate, decay
        As in `Positions`.
    """

    steps: int
    width: int
    learned: bool = True
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @classmethod
    def of(cls, op: Positions) -> SteppedPositions:
        """Those of whole series."""
        return cls(*op)

    @property
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def parameters(self) -> list[Parameter]:
        shape, facts = (self.steps, self.width), {"trained": self.learned, "shown": self.learned}
        return [Parameter("table", shape, DRAWN, self.rate, self.decay, **facts)]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2 or shape[1] != self.width:
            raise ValueError(f"takes axes (steps, {self.width}), but the op before it has {shape}")
        return shape

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return False

    def trace(self, trace: Trace, x: Array) -> Array:
        [table] = trace.take(self.parameters())
        out, place = Array(x.shape), trace.carry(1)
        written = {"out": out, "place": place.after}
        trace.call("add_next_positions", written, x=x, table=table, place_before=place.before)
        trace.tape.append(lambda dout: None)
        return self.after.trace(trace, out)
