"""The calls of recurrences, for the interpreter: step by step, gradients from the formulas."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def products(z, x=None, w_x=None, b_x=None):
    """What a cell begins with: given, or of x."""
    return x @ w_x + b_x if z is None else z


def latest(gates, reverse, together):
    """What is left of gates in memory for so many steps; 0: for all."""
    if not together:
        return gates
    steps = gates.shape[1]
    found = np.empty((len(gates), together, gates.shape[2]))
    for at in range(0, steps, together):
        count = min(together, steps - at)
        first = steps - at - count if reverse else at
        found[:, :count] = gates[:, first : first + count]
    return found


class Recurrent:
    """Each method goes from what a call reads to what it writes; arrays are (B, T, columns).

    The first row of `before` has the states before the first step. States begin with that row
    where the way back reads them. Weights are as rounded as `storage` says before.
    """

    def remember(self, x, dilation, ring_before, place_before):
        width, length = x.shape[-1], ring_before.shape[1]
        ring, place = ring_before.copy(), place_before.astype(int)
        out = np.empty((self.B, -(-length // dilation), width))
        for b in range(self.B):
            [oldest] = place[b]
            ring[b, oldest] = x[b].reshape(-1)
            in_order = np.roll(ring[b], -oldest - 1, axis=0)  # the newest is the last
            out[b] = in_order[::dilation]
        return {"out": out, "ring": ring, "place": (place + 1) % length}

    def begin_window(self, before):
        """The first row is what the window before left; of a first window zeros."""
        out = np.zeros((self.B, *self._shape))
        out[:, :1] = before if self.continues else 0
        return {"out": out}

    def end_window(self, states, before, lengths):
        last = -1 if lengths is None else lengths
        return {"out": states[np.arange(self.B), last][:, np.newaxis]}

    def _with_before(self, states, before):
        if before is None or not self._goes_back:
            return states
        return np.concatenate([before[:, :1], states], axis=1)

    def rnn_carried(self, z, w, reverse, storage, rectified, before, lengths=None):
        h, sums, states = before[:, 0], np.empty(z.shape), np.empty(z.shape)
        for t in range(z.shape[1]):
            sums[:, t] = z[:, t] + h @ w
            state = np.maximum(sums[:, t], 0) if rectified else np.tanh(sums[:, t])
            h = states[:, t] = np.where(has(lengths, t, h), state, h)
        return {"states": self._with_before(states, before), "sums": sums}

    def rnn_forward(self, z, w, reverse, lengths, storage, rectified):
        h, states = np.zeros((self.B, len(w))), np.empty(z.shape)
        for t in order(z, reverse):
            total = z[:, t] + h @ w
            state = np.maximum(total, 0) if rectified else np.tanh(total)
            h = states[:, t] = np.where(has(lengths, t, h), state, h)
        return {"states": states}

    def rnn_backward(self, dout, w, first, sequences, reverse, lengths, states, rectified):
        states = states[:, states.shape[1] - self._shape[0] :]
        dz, dh = np.empty(states.shape), 0.0
        for t in reversed(order(states, reverse)):
            dh = dh + own(dout, t, first, len(w), sequences, lengths, states, reverse)
            slope = states[:, t] > 0 if rectified else 1 - states[:, t] ** 2
            dz[:, t] = dh * slope * has(lengths, t, dh)
            dh = dz[:, t] @ w.T
        return {"dz": dz}

    def lstm_forward(
        self, z, w, reverse, lengths, storage, before=None, cells_before=None, together=0, **inputs
    ):
        H, z = len(w), products(z, **inputs)
        h = c = np.zeros((self.B, H))
        if before is not None:
            h, c = before[:, 0], cells_before[:, 0]
        gates = np.empty(z.shape)
        states, cells, squashed = (np.empty((*z.shape[:2], H)) for _ in range(3))
        for t in order(z, reverse):
            total = z[:, t] + h @ w
            i, f, g, o = np.split(total, 4, axis=1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            gates[:, t] = np.concatenate([i, f, g, o], axis=1)
            c = cells[:, t] = np.where(has(lengths, t, c), f * c + i * g, c)
            squashed[:, t] = np.tanh(c)
            h = states[:, t] = np.where(has(lengths, t, h), o * squashed[:, t], h)
        if not self._goes_back:
            last = order(z, reverse)[-1]
            squashed = squashed[:, last]
            cells = cells[:, last] if before is None else cells[:, [last]]
        states = self._with_before(states, before)
        cells = self._with_before(cells, cells_before)
        gates = latest(gates, reverse, together)
        return {"states": states, "gates": gates, "cells": cells, "squashed": squashed}

    def lstm_backward(self, dout, w, first, sequences, reverse, lengths, gates, cells, squashed):
        H, steps = len(w), order(gates, reverse)
        dz, dh, dc = np.empty(gates.shape), 0.0, 0.0
        cells, start = apart(cells, gates)
        for at in reversed(range(len(steps))):
            t = steps[at]
            before = cells[:, steps[at - 1]] if at else start
            if reverse and at:
                before = before * has(lengths, steps[at - 1], before)
            i, f, g, o = np.split(gates[:, t], 4, axis=1)
            dh = dh + own(dout, t, first, H, sequences, lengths, gates, reverse)
            dc = dc + dh * o * (1 - squashed[:, t] ** 2)
            parts = dc * g, dc * before, dc * i, dh * squashed[:, t]
            slopes = i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)
            dz[:, t] = np.concatenate([a * b for a, b in zip(parts, slopes, strict=True)], axis=1)
            dz[:, t] *= has(lengths, t, dh)
            dh, dc = dz[:, t] @ w.T, dc * f * has(lengths, t, dh)
        return {"dz": dz}

    def gru_forward(self, z, w, b, reverse, lengths, storage, before=None, together=0, **inputs):
        H, z = len(w), products(z, **inputs)
        h = np.zeros((self.B, H)) if before is None else before[:, 0]
        gates, hidden, states = np.empty(z.shape), np.empty(z.shape), np.empty((*z.shape[:2], H))
        for t in order(z, reverse):
            s = h @ w + np.concatenate([np.zeros(2 * H), b])
            r, u = np.split(sigmoid(z[:, t, : 2 * H] + s[:, : 2 * H]), 2, axis=1)
            n = np.tanh(z[:, t, 2 * H :] + r * s[:, 2 * H :])
            h = states[:, t] = np.where(has(lengths, t, h), (1 - u) * n + u * h, h)
            gates[:, t], hidden[:, t] = np.concatenate([r, u, n], axis=1), s
        if not self._goes_back:
            hidden = hidden[:, order(z, reverse)[-1]]
        else:
            hidden = latest(hidden, reverse, together)
        states, gates = self._with_before(states, before), latest(gates, reverse, together)
        return {"states": states, "gates": gates, "hidden": hidden}

    def gru_backward(self, dout, w, first, sequences, reverse, lengths, gates, hidden, states):
        H, steps = len(w), order(gates, reverse)
        dz, dhidden, dh = np.empty(gates.shape), np.empty(gates.shape), 0.0
        states, start = apart(states, gates)
        for at in reversed(range(len(steps))):
            t = steps[at]
            before = states[:, steps[at - 1]] if at else start
            if reverse and at:
                before = before * has(lengths, steps[at - 1], before)
            r, u, n = np.split(gates[:, t], 3, axis=1)
            dh = dh + own(dout, t, first, H, sequences, lengths, gates, reverse)
            dn = dh * (1 - u) * (1 - n**2)
            du = dh * (before - n) * u * (1 - u)
            dr = dn * hidden[:, t, 2 * H :] * r * (1 - r)
            dz[:, t] = np.concatenate([dr, du, dn], axis=1)
            dhidden[:, t] = np.concatenate([dr, du, dn * r], axis=1)
            for one in (dz, dhidden):
                one[:, t] *= has(lengths, t, dh)
            dh = dh * u * has(lengths, t, dh) + dhidden[:, t] @ w.T
        return {"dz": dz, "dhidden": dhidden, "db": dhidden[..., 2 * H :]}

    def join_states(self, states, other, sequences, lengths, steps):
        found = [states] if other is None else [states, other]
        if not sequences:
            last = -1 if lengths is None else lengths - 1 + states.shape[1] - steps
            found = [one[np.arange(self.B), at] for one, at in zip(found, (last, 0), strict=False)]
        else:
            found = [one[:, one.shape[1] - self._shape[0] :] for one in found]
        return {"out": np.concatenate(found, axis=-1)}


def apart(states, steps):
    """The states of the steps, and those before the first, which are zeros if they are not given.

    `steps` is an array with a row for each step.
    """
    count = states.shape[1] - steps.shape[1]
    return states[:, count:], states[:, 0] if count else 0.0


def order(values, reverse):
    """The steps in the order of a direction."""
    steps = list(range(values.shape[1]))
    return steps[::-1] if reverse else steps


def has(lengths, t, values):
    """Whether each series has a step: (B, 1), or True without padding."""
    return True if lengths is None else (t < lengths)[:, np.newaxis]


def own(dout, t, first, H, sequences, lengths, values, reverse):
    """A direction's part of the gradient by the output, at a step."""
    part = dout[..., first : first + H]
    if sequences:
        return part[:, t]
    if lengths is None or reverse:
        return part if t == order(values, reverse)[-1] else 0.0
    return part * (t == lengths - 1)[:, np.newaxis]
