"""The calls of recurrences, for the interpreter: step by step, gradients from the formulas."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Recurrent:
    """Each method goes from what a call reads to what it writes; arrays are (B, T, columns)."""

    def rnn_forward(self, z, w, reverse, rectified):
        h, states = np.zeros((self.B, len(w))), np.empty(z.shape)
        for t in order(z, reverse):
            total = z[:, t] + h @ w
            h = states[:, t] = np.maximum(total, 0) if rectified else np.tanh(total)
        return {"states": states}

    def rnn_backward(self, dout, w, first, sequences, reverse, states, rectified):
        dz, dh = np.empty(states.shape), 0.0
        for t in reversed(order(states, reverse)):
            dh = dh + own(dout, t, first, len(w), sequences, states, reverse)
            slope = states[:, t] > 0 if rectified else 1 - states[:, t] ** 2
            dz[:, t] = dh * slope
            dh = dz[:, t] @ w.T
        return {"dz": dz}

    def lstm_forward(self, z, w, reverse):
        H = len(w)
        h = c = np.zeros((self.B, H))
        gates = np.empty(z.shape)
        states, cells, squashed = (np.empty((*z.shape[:2], H)) for _ in range(3))
        for t in order(z, reverse):
            total = z[:, t] + h @ w
            i, f, g, o = np.split(total, 4, axis=1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            gates[:, t] = np.concatenate([i, f, g, o], axis=1)
            c = cells[:, t] = f * c + i * g
            squashed[:, t] = np.tanh(c)
            h = states[:, t] = o * squashed[:, t]
        if not self._goes_back:
            cells, squashed = (one[:, order(z, reverse)[-1]] for one in (cells, squashed))
        return {"states": states, "gates": gates, "cells": cells, "squashed": squashed}

    def lstm_backward(self, dout, w, first, sequences, reverse, gates, cells, squashed):
        H, steps = len(w), order(gates, reverse)
        dz, dh, dc = np.empty(gates.shape), 0.0, 0.0
        for at in reversed(range(len(steps))):
            t = steps[at]
            before = cells[:, steps[at - 1]] if at else 0.0
            i, f, g, o = np.split(gates[:, t], 4, axis=1)
            dh = dh + own(dout, t, first, H, sequences, gates, reverse)
            dc = dc + dh * o * (1 - squashed[:, t] ** 2)
            parts = dc * g, dc * before, dc * i, dh * squashed[:, t]
            slopes = i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)
            dz[:, t] = np.concatenate([a * b for a, b in zip(parts, slopes, strict=True)], axis=1)
            dh, dc = dz[:, t] @ w.T, dc * f
        return {"dz": dz}

    def gru_forward(self, z, w, b, reverse):
        H = len(w)
        h = np.zeros((self.B, H))
        gates, hidden, states = np.empty(z.shape), np.empty(z.shape), np.empty((*z.shape[:2], H))
        for t in order(z, reverse):
            s = h @ w + np.concatenate([np.zeros(2 * H), b])
            r, u = np.split(sigmoid(z[:, t, : 2 * H] + s[:, : 2 * H]), 2, axis=1)
            n = np.tanh(z[:, t, 2 * H :] + r * s[:, 2 * H :])
            h = states[:, t] = (1 - u) * n + u * h
            gates[:, t], hidden[:, t] = np.concatenate([r, u, n], axis=1), s
        if not self._goes_back:
            hidden = hidden[:, order(z, reverse)[-1]]
        return {"states": states, "gates": gates, "hidden": hidden}

    def gru_backward(self, dout, w, first, sequences, reverse, gates, hidden, states):
        H, steps = len(w), order(gates, reverse)
        dz, dhidden, dh = np.empty(gates.shape), np.empty(gates.shape), 0.0
        for at in reversed(range(len(steps))):
            t = steps[at]
            before = states[:, steps[at - 1]] if at else 0.0
            r, u, n = np.split(gates[:, t], 3, axis=1)
            dh = dh + own(dout, t, first, H, sequences, gates, reverse)
            dn = dh * (1 - u) * (1 - n**2)
            du = dh * (before - n) * u * (1 - u)
            dr = dn * hidden[:, t, 2 * H :] * r * (1 - r)
            dz[:, t] = np.concatenate([dr, du, dn], axis=1)
            dhidden[:, t] = np.concatenate([dr, du, dn * r], axis=1)
            dh = dh * u + dhidden[:, t] @ w.T
        return {"dz": dz, "dhidden": dhidden, "db": dhidden[..., 2 * H :]}

    def join_states(self, states, other, sequences):
        found = [states] if other is None else [states, other]
        if not sequences:
            found = [one[:, at] for one, at in zip(found, (-1, 0), strict=False)]
        return {"out": np.concatenate(found, axis=-1)}


def order(values, reverse):
    """The steps in the order of a direction."""
    steps = list(range(values.shape[1]))
    return steps[::-1] if reverse else steps


def own(dout, t, first, H, sequences, values, reverse):
    """A direction's part of the gradient by the output, at a step."""
    part = dout[..., first : first + H]
    if sequences:
        return part[:, t]
    return part if t == order(values, reverse)[-1] else 0.0
