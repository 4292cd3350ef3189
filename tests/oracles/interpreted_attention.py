"""Attention in the interpreter: each head by itself, in NumPy."""

import numpy as np
from oracles import reference_layers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Attentive:
    """The calls of attention, on arrays (B, T, columns)."""

    def attend(self, qkv, heads, key_heads, causal, dropout, stream, lengths):
        q, k, v = _parts(qkv, heads, key_heads)
        size, steps = q.shape[-1], qkv.shape[1]
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(size)
        if causal:
            scores = np.where(np.tril(np.ones((steps, steps), bool)), scores, -np.inf)
        if lengths is not None:
            own = np.arange(steps) < lengths[:, np.newaxis]
            scores = np.where(own[:, np.newaxis, np.newaxis], scores, -np.inf)
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        mask = self._dropped(p.shape, dropout, stream, lengths)
        out = (p * mask @ v).swapaxes(1, 2).reshape(len(qkv), steps, heads * size)
        found = {"out": out}
        if self._goes_back:
            found["weights"] = p
        return found

    def attend_backward(
        self, dout, qkv, weights, heads, key_heads, causal, dropout, stream, lengths
    ):
        q, k, v = _parts(qkv, heads, key_heads)
        p, mask = weights, self._dropped(weights.shape, dropout, stream, lengths)
        size = q.shape[-1]
        do = dout.reshape(*dout.shape[:2], heads, size).swapaxes(1, 2)
        dp = do @ v.swapaxes(-1, -2) * mask
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / np.sqrt(size)
        dv = (p * mask).swapaxes(-1, -2) @ do
        return {"dqkv": np.concatenate([
            _flat(ds @ k), _summed(ds.swapaxes(-1, -2) @ q, key_heads), _summed(dv, key_heads)
        ], axis=-1)}  # fmt: skip

    def _dropped(self, shape, rate, stream, lengths):
        """0 or 1 / (1 - rate) for each weight (B, heads, queries, keys) of own steps."""
        factors, (samples, heads, steps, _) = np.ones(shape), shape
        if not rate:
            return factors
        for sample in range(samples):
            own = steps if lengths is None else int(np.ravel(lengths)[sample])
            drawn = reference_layers.dropout_mask(
                rate, (sample + 1) * heads * own, own, seed=self.seed, step=self.step,
                layer=stream, positions=own,
            )[-heads * own :]  # fmt: skip
            factors[sample, :, :own, :own] = drawn.reshape(heads, own, own)
        return factors

    def rotate(self, x, heads, size, base, back):
        out, half = x.copy(), size // 2
        for step in range(x.shape[1]):
            for head in range(heads):
                for i in range(half):
                    angle = step / base ** (2 * i / size) * (-1 if back else 1)
                    first = head * size + i
                    pair = [first, first + half]
                    turn = np.array(
                        [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
                    )
                    out[:, step, pair] = x[:, step, pair] @ turn
        return {"out": out}

    def add_positions(self, x, table):
        return {"out": x + table[: x.shape[1]]}

    def attend_next(
        self, qkv, heads, key_heads, length, base, keys_before, values_before, place_before,
        turned_before=None,
    ):  # fmt: skip
        """Row by row of each sample: the caches as they are kept, and the weights by a loop."""
        size = qkv.shape[-1] // (heads + 2 * key_heads)
        kept = key_heads * size
        found = [keys_before.copy(), values_before.copy(), place_before.astype(int)]
        turned = None if turned_before is None else turned_before.copy()
        out = np.empty((*qkv.shape[:2], heads * size))
        for b, (keys, values, place) in enumerate(zip(*found, strict=True)):
            for t, row in enumerate(qkv[b]):
                q, k, v = np.split(row, [heads * size, heads * size + kept])
                end = place.item()
                if end == 2 * length:
                    keys[:, 1:length] = keys[:, length + 1 : 2 * length]
                    values[1:length] = values[length + 1 :]
                    end = length
                keys[:, end], values[end] = k, v
                if base and end < length:
                    turned[b, :, end] = _turned(k, end, size, base)
                place[:] = end + 1
                first = max(0, end + 1 - length)
                window = range(first, end + 1)
                if base:
                    q = _turned(q, end - first, size, base)
                seen = [
                    turned[b, :, at] if base and first == 0
                    else _turned(keys[:, at], at - first, size, base) if base
                    else keys[:, at]
                    for at in window
                ]  # fmt: skip
                for head in range(heads):
                    own = slice(head * size, (head + 1) * size)
                    shared = head // (heads // key_heads) * size
                    shared = slice(shared, shared + size)
                    scores = np.array([q[own] @ key[shared] for key in seen]) / np.sqrt(size)
                    e = np.exp(scores - scores.max())
                    out[b, t, own] = e / e.sum() @ values[first : end + 1, shared]
        caches = dict(zip(("keys", "values", "place"), found, strict=True))
        return {"out": out, **caches} | ({"turned": turned} if base else {})

    def add_next_positions(self, x, table, place_before):
        at = place_before.astype(int).reshape(-1, 1) + np.arange(x.shape[1])
        rows = np.minimum(at, len(table) - 1)
        return {
            "out": x + table[rows],
            "place": np.minimum(place_before + x.shape[1], len(table)),
        }

    def gate(self, x):
        a, b = np.split(x, 2, axis=-1)
        return {"out": a * sigmoid(a) * b}

    def gate_backward(self, dout, x):
        a, b = np.split(x, 2, axis=-1)
        s = sigmoid(a)
        slope = s * (1 + a * (1 - s))
        return {"dx": np.concatenate([dout * b * slope, dout * a * s], axis=-1)}


def _turned(x, step, size, base):
    """Heads side by side, turned by a step."""
    out, half = x.reshape(-1, size).copy(), size // 2
    for i in range(half):
        pair = [i, i + half]
        angle = step / base ** (2 * i / size)
        cosine, sine = np.cos(angle), np.sin(angle)
        out[:, pair] = out[:, pair] @ np.array([[cosine, sine], [-sine, cosine]])
    return out.reshape(-1)


def _parts(qkv, heads, key_heads):
    """q, k, v (B, heads, T, size); keys and values repeated for the heads that share them."""
    B, steps, width = qkv.shape
    size = width // (heads + 2 * key_heads)
    split = qkv.reshape(B, steps, -1, size).swapaxes(1, 2)
    q, k, v = np.split(split, [heads, heads + key_heads], axis=1)
    each = heads // key_heads
    return q, k.repeat(each, axis=1), v.repeat(each, axis=1)


def _flat(parts):
    """(B, T, columns) of (B, heads, T, size)."""
    B, heads, steps, size = parts.shape
    return parts.swapaxes(1, 2).reshape(B, steps, heads * size)


def _summed(parts, key_heads):
    """The same, summed over the heads that share keys."""
    B, _, steps, size = parts.shape
    return _flat(parts.reshape(B, key_heads, -1, steps, size).sum(axis=2))
