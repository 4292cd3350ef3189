"""A network's graph run by NumPy in float64: a second machine, and the oracle of the first.

It keeps every array apart, does nothing in place, and checks each shape and each index. Where the
way forward drops or adds something at random, the masks and the noise are those of `reference`.
The padding of series is 0 in each array.
"""

from dataclasses import dataclass, field

import numpy as np
from oracles import reference, reference_layers
from oracles.augmentation import augmented
from oracles.interpreted_attention import Attentive
from oracles.interpreted_games import Games
from oracles.interpreted_norms import CHUNK_ROWS, Norms, rows_of
from oracles.interpreted_recurrences import Recurrent
from oracles.interpreted_tabular import Tabular
from oracles.interpreted_windows import Windowed, within

from fusednn.graph.arrays import CHUNKS, NETWORK, ROWS, Array
from fusednn.graph.gradients import (
    Both,
    Given,
    Lookups,
    Partials,
    PerPosition,
    Runs,
    Sum,
    Sums,
    TokenLookups,
)

SELU_LIMIT = -1.7580993408473766


@dataclass
class Run(Windowed, Recurrent, Attentive, Norms, Games, Tabular):
    """One step of a network.

    Parameters
    ----------
    graph : Graph
    parameters : list of ndarray
    X : ndarray of shape (B, I)
    of_loss : callable, optional
        From logits (B, *axes, O) and the name of the samples' order to losses (B, 1) and dlogits.
    orders : dict of str to ndarray
        Samples, by the names of the orders; "steps" are those of windows of padded series.
    mix : float
        The share that a sample keeps where two are mixed.
    seed, step : int
        The key of the random numbers.
    of : int or ndarray of shape (B,)
        The output of a sample that is picked, over all its rows; -1 is each row's largest. In the
        graph of a penalty one for each sample.
    scale : float
        The factor of what calls add to the losses that `of_loss` gives, as of theirs.
    carried : list of ndarray, optional
        What the run before left; by default zeros.
    continues : bool
        Whether it is a window that follows another.
    """

    graph: object
    parameters: list
    X: np.ndarray
    of_loss: object = None
    orders: dict = field(default_factory=dict)
    mix: float = 1.0
    seed: int = 0
    step: int = 0
    of: int | np.ndarray = -1
    scale: float = 1.0
    carried: list | None = None
    continues: bool = False
    chunk_rows = CHUNK_ROWS

    def __post_init__(self):
        self.values = {}
        self._goes_back = any(call.op in ("loss", "pick") for call in self.graph.calls)
        self._own = np.asarray(self.orders.get("own", np.arange(len(self.X))))
        self.B = len(self._own)
        self._write(self.graph.x, np.asarray(self.X, float)[self._own])
        for (_, array), given in zip(self.graph.parameters, self.parameters, strict=True):
            self._write(array, np.array(given, float))
        for number, (before, _) in enumerate(self.graph.carried):
            zeros = np.zeros((self.B, *before.shape))
            self._write(before, zeros if self.carried is None else self.carried[number])
        for w, parameter in self.graph.turned:
            self._write(w, self.values[parameter].T)
        for w, parameter in self.graph.scaled:
            self._write(w, self.values[parameter] / np.linalg.norm(self._matrix(parameter), 2))
        for w, v, norms in self.graph.normed:
            directions, g = (self._of_parameter(number) for number in (v, norms))
            self._write(w, directions * g / np.sqrt((directions**2).sum(axis=0)))
        for call in (*self.graph.prepared, *self.graph.calls):
            given = {
                name: self.values[value] if isinstance(value, Array) else value
                for name, value in call.given.items()
            }
            self._shape = next(iter(call.out.values())).shape
            found = getattr(self, call.op)(**given)
            assert found.keys() == call.out.keys(), call.op
            for name, array in call.out.items():
                lengths = self.graph.lengths.get(array)
                if lengths is not None:
                    found[name] = found[name] * within(self.values[lengths], found[name])
                self._write(array, found[name])

    def _matrix(self, parameter):
        """A parameter (..., O) as a matrix."""
        return self.values[parameter].reshape(-1, parameter.shape[-1])

    def _of_parameter(self, number):
        return self.values[self.graph.parameters[number][1]]

    def _write(self, array, values):
        assert array not in self.values, "an array is written once"
        lead = {NETWORK: (), CHUNKS: (len(values),)}.get(array.over, (self.B,))
        shape = (values.shape[1:],) if array.over == CHUNKS else ()
        if array.over != ROWS:
            assert values.shape == (*lead, *array.shape), (values.shape, array)
        assert not shape or shape[0] == array.shape
        self.values[array] = values

    @property
    def left(self):
        """What is carried on to the next run."""
        return [self.values[after] for _, after in self.graph.carried]

    @property
    def logits(self):
        return self.values[self.graph.logits]

    @property
    def losses(self):
        return self.values[self.graph.losses]

    @property
    def dx(self):
        return self.values[self.graph.dx]

    def gradients(self):
        """The gradient of each parameter, of the sum of the losses; None where there is none."""
        found = [
            self._gradient(number, self.graph.gradients.get(number))
            for number in range(len(self.graph.parameters))
        ]
        numbers = {array: number for number, (_, array) in enumerate(self.graph.parameters)}
        for w, parameter in self.graph.scaled:
            dw = found[numbers[parameter]]
            if dw is not None:
                u, values, v = np.linalg.svd(self._matrix(parameter), full_matrices=False)
                outer = np.outer(u[:, 0], v[0]).reshape(dw.shape)
                radial = (dw * self.values[w]).sum()
                found[numbers[parameter]] = (dw - radial * outer) / values[0]
        for _, v, norms in self.graph.normed:
            dw, directions, g = found[v], self._of_parameter(v), self._of_parameter(norms)
            size = np.sqrt((directions**2).sum(axis=0))
            unit = directions / size
            found[norms] = (dw * unit).sum(axis=0)
            found[v] = g / size * (dw - unit * found[norms])
        return found

    def _gradient(self, number, gradient):
        match gradient:
            case None:
                return None
            case Sum(None, dz):
                return rows_of(self.values[dz]).sum(axis=0)
            case Sum(x, dz, Runs() as runs):
                return sum_of_runs(by_position(self.values[x]), by_position(self.values[dz]), runs)
            case Sum(x, dz):
                return rows_of(self.values[x]).T @ rows_of(self.values[dz])
            case Partials(partials):
                return self.values[partials].sum(axis=0)
            case Given(values):
                return self.values[values]
            case Lookups(x, column, dz, first):
                count, size = self.graph.parameters[number][0].shape
                table, codes = np.zeros((count, size)), self.values[x][..., column].astype(int)
                assert ((codes >= 0) & (codes < count)).all()
                np.add.at(table, codes, self.values[dz][..., first : first + size])
                return table
            case TokenLookups(x, dz, left_out):
                table = np.zeros(self.graph.parameters[number][0].shape)
                codes, rows = self.values[x].astype(int).reshape(-1), rows_of(self.values[dz])
                np.add.at(table, codes, rows)
                if left_out is not None:
                    table[left_out] = 0
                return table
            case Both(product, lookups):
                return self._gradient(number, product).T + self._gradient(number, lookups)
            case Sums(own, turned):
                return self._gradient(number, own) + self._gradient(number, turned)
            case PerPosition(dz):
                table = np.zeros(self.graph.parameters[number][0].shape)
                summed = self.values[dz].sum(axis=0)
                table[: len(summed)] = summed
                return table
        raise TypeError(gradient)

    # -- calls: from what they read to what they write, by name -----------------------------

    def gather(self, x, order, padded):
        x = self._samples_of(x, order)
        return {"out": np.nan_to_num(x, nan=0.0) if padded else x}

    def _samples_of(self, x, order):
        return x if order == "own" else np.asarray(self.X, float)[self.orders[order]]

    def count_steps(self, x, order, steps, turned):
        x = self._samples_of(x, order)
        series = x.reshape(self.B, -1, steps) if turned else x.reshape(self.B, steps, -1)
        known = ~np.isnan(series).all(axis=1 if turned else 2)
        return {"counts": np.array([np.flatnonzero(row)[-1] + 1 for row in known])}

    def window_lengths(self):
        return {"counts": np.asarray(self.orders["steps"])}

    def longer(self, first, second):
        return {"counts": np.maximum(first, second)}

    def change_lengths(self, lengths, factor, added, divisor, overhang):
        counts = (lengths * factor + added) // divisor
        if overhang >= 0:
            rest = (lengths + added) % divisor
            counts = counts + ((rest > 0) & (counts * divisor < overhang + lengths))
        return {"counts": counts}

    def augment(self, x, augmentation, stream):
        drawn = {"seed": self.seed, "step": self.step, "stream": stream}
        return {"out": augmented(x, augmentation, **drawn)}

    def reshape(self, x, columns):
        matrices = x.reshape(self.B, -1, columns)
        flat = matrices.transpose(0, 2, 1).reshape(self.B, -1)
        return {"out": flat.reshape(self.B, *self._shape)}

    def dense(self, x, w, b, floor, storage):
        assert not storage, "weights are not rounded here"
        return {"out": np.maximum(x @ w + (0.0 if b is None else b), floor)}

    def dense_turned(self, x, w, b):
        return {"out": x @ w.T + b}

    def dense_backward(self, dz, w):
        return {"dx": dz @ w.T}

    def dense_partials(self, x, dz, w, lengths):
        chunks = [slice(at, at + CHUNK_ROWS) for at in range(0, len(x), CHUNK_ROWS)]
        dw = [rows_of(x[chunk]).T @ rows_of(dz[chunk]) for chunk in chunks]
        db = [rows_of(dz[chunk]).sum(axis=0) for chunk in chunks]
        return {"dw": np.array(dw), "db": np.array(db)}

    def embed_rows(self, x, tables, columns):
        plain = [column for column in range(x.shape[-1]) if column not in columns]
        parts = [x[..., plain]]
        for array, column in zip(tables, columns, strict=True):
            table, codes = self.values[array], x[..., column].astype(int)
            assert ((codes >= 0) & (codes < len(table))).all()
            parts.append(table[codes])
        return {"out": np.concatenate(parts, axis=-1)}

    def count_tokens(self, x, steps, padding):
        known = x.reshape(self.B, steps) != padding
        return {"counts": np.array([np.flatnonzero(row)[-1] + 1 for row in known])}

    def embed_tokens(self, x, tables, lengths):
        [table] = (self.values[array] for array in tables)
        codes = x.astype(int)
        assert ((codes >= 0) & (codes < len(table))).all()
        return {"out": table[codes.reshape(len(codes), -1)]}

    def embed_backward(self, dout, columns):
        if len(columns) == self.X.shape[-1]:
            return {"dx": np.zeros(self.X.shape)}
        dx = np.zeros((*dout.shape[:-1], self.X.shape[-1]))
        plain = [column for column in range(dx.shape[-1]) if column not in columns]
        dx[..., plain] = dout[..., : len(plain)]
        return {"dx": dx}

    def activate(self, x, activation, constants):
        found = {"out": activated(activation, constants)(x)}
        if hasattr(reference, f"{activation}_slopes") and self._goes_back:
            found["slopes"] = getattr(reference, f"{activation}_slopes")(x)
        return found

    def parametric_forward(self, x, share, activation, constants):
        y = activated(activation, constants)(x)
        found = {"out": (1 - share) * x + share * y}
        if self._goes_back:
            if hasattr(reference, f"{activation}_slopes"):
                slopes = getattr(reference, f"{activation}_slopes")(x)
            else:
                slopes = derivative(activation, constants)(np.ones(x.shape), y)
            found |= {"slopes": 1 + share * (slopes - 1), "excess": y - x}
        return found

    def differentiate(self, dout, out, activation, constants):
        return {"dx": derivative(activation, constants)(dout, out)}

    def multiply(self, x, factor):
        return {"out": x * factor}

    def dropout(
        self, x, slopes, activation, constants, rate, alpha, stream, by_channel, varied,
        derivative=False,
    ):  # fmt: skip
        if varied is not None:
            rate = self._amount(varied)
        rows = len(x) if by_channel else len(rows_of(x))
        drawn = reference_layers.dropout_mask(
            rate, rows, x.shape[-1], seed=self.seed, step=self.step, layer=stream,
            positions=rows // len(x),
        )  # fmt: skip
        if by_channel:
            drawn = np.broadcast_to(drawn.reshape(rows, *[1] * (x.ndim - 2), -1), x.shape)
        kept = np.reshape(drawn != 0, x.shape)
        factor, low = 1 / (1 - rate), 0.0
        if alpha:
            factor = (1 - rate + SELU_LIMIT**2 * (1 - rate) * rate) ** -0.5
            low = factor * SELU_LIMIT
        shift = -rate * low
        if slopes is None:
            slopes = globals()["derivative"](activation, constants)(1.0, x) if derivative else 1.0
        out = np.where(kept, factor * x, low) + shift if alpha else np.where(kept, factor * x, 0)
        return {
            "out": out,
            "dropped_slopes": np.where(kept, factor * slopes, 0.0) + np.zeros(x.shape),
        }

    def _amount(self, number):
        """Noise with a schedule, in a training of one batch."""
        _, amount, schedule = self.graph.varied[number]
        return amount * schedule.factors(np.array([0.0]), 1)[0]

    def gaussian_noise(self, x, deviation, stream, varied):
        if varied is not None:
            deviation = self._amount(varied)
        rows = rows_of(x)
        drawn = reference_layers.gaussian_noise(
            len(rows), rows.shape[1], seed=self.seed, step=self.step, layer=stream,
            positions=len(rows) // len(x),
        )  # fmt: skip
        return {"out": x + deviation * drawn.reshape(x.shape)}

    def scale_rows(self, x, mean, factor):
        return {"out": (x if mean is None else x - mean) * factor}

    def scale_backward(self, dout, x, factor):
        return {"dx": dout * factor, "products": dout * x}

    def rescale_rows(self, x, before, factor, divisor, after, low, high):
        return {"out": np.clip((x + before) * factor / divisor + after, low, high)}

    def add_rows(self, x, other):
        return {"out": x + other}

    def mix_rows(self, x, other):
        return {"out": self.mix * x + (1 - self.mix) * other}

    def mix_values(self, x, other):
        return {"out": self.mix * x + (1 - self.mix) * other}

    def prelu_forward(self, x, slope):
        return {"out": np.where(x > 0, x, slope * x)}

    def prelu_backward(self, dout, x, slope):
        return {"dx": np.where(x > 0, dout, slope * dout), "products": dout * np.minimum(x, 0)}

    def loss(self, logits, order, lengths=None):
        losses, dlogits = self.of_loss(logits, order)
        return {"losses": losses, "dlogits": dlogits}

    def pick(self, logits):
        if self.of < 0:
            return {"dlogits": np.eye(logits.shape[-1])[logits.argmax(axis=-1)]}
        one = np.eye(logits[0].size)[self.of]
        return {"dlogits": np.broadcast_to(one.reshape(logits[0].shape), logits.shape)}


def by_position(values):
    """(samples, rows of each, columns) of values over samples."""
    return values.reshape(len(values), -1, values.shape[-1])


def sum_of_runs(x, dz, runs):
    """The sum of x^T dz over the rows that meet, of (samples, rows, columns) each."""
    pairs = [
        (
            [runs.x.first + run * runs.x.run + row * runs.x.row + tap for tap in runs.taps],
            runs.dz.first + run * runs.dz.run + row * runs.dz.row,
        )
        for run in range(runs.per_sample)
        for row in range(runs.length)
    ]
    start = np.zeros((len(runs.taps) * x.shape[-1], dz.shape[-1]))
    return sum((x[:, taps].reshape(len(x), -1).T @ dz[:, row] for taps, row in pairs), start)


def activated(name, constants):
    """The function, with constants that are not the table's where some are given."""
    forward = getattr(reference, f"{name}_forward")
    if not constants:
        return forward
    assert name == "leaky_relu"
    [slope] = constants
    return lambda z: np.where(z > 0, z, slope * z)


def derivative(name, constants):
    """Its derivative times dout, from the output."""
    backward = getattr(reference, f"{name}_backward")
    if not constants:
        return backward
    [slope] = constants
    return lambda dout, out: np.where(out > 0, dout, slope * dout)
