"""Embeddings of numeric columns of the interpreter, with sums over chunks of samples."""

import numpy as np
from oracles.interpreted_norms import CHUNK_ROWS


class Tabular:
    """Calls of embeddings, from what they read to what they write."""

    def periodic_forward(self, x, w, b, v, c, columns):
        cosines, sines = waves(x, w, b, columns)
        # s, m, f: sums, columns, frequencies
        S = len(c)
        sums = np.einsum("...mf,smf->...ms", cosines, v[:S]) + c.T
        if b is None:
            sums = np.maximum(sums + np.einsum("...mf,smf->...ms", sines, v[S:]), 0)
        else:
            sums = np.concatenate([x[..., list(columns), np.newaxis], sums], axis=-1)
        return {"out": joined(x, columns, sums)}

    def periodic_backward(self, x, dout, out, w, b, v, columns):
        slopes = self._slopes(x, dout, out, w, b, v, columns)[1]
        dx, plain = np.zeros(x.shape), others(x, columns)
        dx[..., plain] = dout[..., : len(plain)]
        dx[..., list(columns)] = 2 * np.pi * (w * slopes).sum(axis=-1)
        if b is not None:
            each = dout[..., len(plain) :].reshape(*x.shape[:-1], len(columns), -1)
            dx[..., list(columns)] += each[..., 0]
        return {"dx": dx}

    def periodic_sums(self, x, dout, out, w, b, v, columns):
        d, slopes, cosines, sines = self._slopes(x, dout, out, w, b, v, columns)
        outer = np.einsum("...ms,...mf->...smf", d, cosines)
        if b is None:
            outer = np.concatenate([outer, np.einsum("...ms,...mf->...smf", d, sines)], axis=-3)
        found = {
            "dw": 2 * np.pi * x[..., list(columns), np.newaxis] * slopes,
            "dv": outer,
            "dc": d.swapaxes(-1, -2),
        }
        if b is not None:
            found["db"] = slopes
        return {name: chunks_of(values, x.ndim - 1) for name, values in found.items()}

    def encode_bins(self, x, edges, columns, bins):
        found = np.concatenate(encodings(x, edges, columns, bins)[0], axis=-1)
        return {"out": np.concatenate([x[..., others(x, columns)], found], axis=-1)}

    def encode_bins_backward(self, x, dout, edges, columns, bins):
        dx, plain = np.zeros(x.shape), others(x, columns)
        dx[..., plain] = dout[..., : len(plain)]
        parts = np.split(dout[..., len(plain) :], np.cumsum(bins)[:-1], axis=-1)
        slopes = encodings(x, edges, columns, bins)[1]
        for column, part, slope in zip(columns, parts, slopes, strict=True):
            dx[..., column] = (part * slope).sum(axis=-1)
        return {"dx": dx}

    def embed_bins(self, x, edges, columns, bins, w, b, v):
        codes, tables = encodings(x, edges, columns, bins)[0], np.split(v, np.cumsum(bins)[:-1])
        found = [code @ table for code, table in zip(codes, tables, strict=True)]
        linear = x[..., list(columns), np.newaxis] * w + b
        return {"out": joined(x, columns, np.stack(found, axis=-2) + linear)}

    def embed_bins_backward(self, x, dout, edges, columns, bins, w, v):
        dx, plain = np.zeros(x.shape), others(x, columns)
        dx[..., plain] = dout[..., : len(plain)]
        each = dout[..., len(plain) :].reshape(*x.shape[:-1], len(columns), -1)
        slopes, tables = encodings(x, edges, columns, bins)[1], np.split(v, np.cumsum(bins)[:-1])
        for j, (column, slope, table) in enumerate(zip(columns, slopes, tables, strict=True)):
            dx[..., column] = (each[..., j, :] * (w[j] + slope @ table)).sum(axis=-1)
        return {"dx": dx}

    def embed_bins_sums(self, x, dout, edges, columns, bins):
        each = dout[..., x.shape[-1] - len(columns) :].reshape(*x.shape[:-1], len(columns), -1)
        codes = encodings(x, edges, columns, bins)[0]
        found = {
            "dw": x[..., list(columns), np.newaxis] * each,
            "db": each,
            "dv": np.concatenate(
                [
                    code[..., np.newaxis] * each[..., j, np.newaxis, :]
                    for j, code in enumerate(codes)
                ],
                axis=-2,
            ),
        }
        return {name: chunks_of(values, x.ndim - 1) for name, values in found.items()}

    @staticmethod
    def _slopes(x, dout, out, w, b, v, columns):
        """The gradients by the sums and by the angles, and the cosines and sines."""
        cosines, sines = waves(x, w, b, columns)
        each = (*x.shape[:-1], len(columns), -1)
        d = dout[..., x.shape[-1] - len(columns) :].reshape(each)
        if b is not None:
            d = d[..., 1:]
            return d, -sines * np.einsum("...ms,smf->...mf", d, v), cosines, sines
        d = np.where(out[..., x.shape[-1] - len(columns) :].reshape(each) > 0, d, 0)
        S = d.shape[-1]
        back = [np.einsum("...ms,smf->...mf", d, part) for part in (v[:S], v[S:])]
        return d, cosines * back[1] - sines * back[0], cosines, sines


def encodings(x, edges, columns, bins):
    """For each column the encoding (..., bins) and its derivative, by bounds of each element."""
    found = [], []
    for column, own in zip(columns, np.split(edges, np.cumsum(np.add(bins, 1))[:-1]), strict=True):
        low, high = np.zeros(len(own) - 1), np.ones(len(own) - 1)
        low[0], high[-1] = -np.inf, np.inf
        part = (x[..., [column]] - own[:-1]) / np.diff(own)
        found[0].append(np.clip(part, low, high))
        found[1].append(np.where((part >= low) & (part < high), 1 / np.diff(own), 0))
    return found


def waves(x, w, b, columns):
    """Cosines and sines (..., columns, frequencies)."""
    angles = 2 * np.pi * x[..., list(columns), np.newaxis] * w + (0 if b is None else b)
    return np.cos(angles), np.sin(angles)


def others(x, columns):
    """The columns that are copied."""
    return [column for column in range(x.shape[-1]) if column not in columns]


def joined(x, columns, found):
    """The plain columns, then what each of the others became (..., columns, numbers)."""
    rows = found.reshape(*x.shape[:-1], -1)
    return np.concatenate([x[..., others(x, columns)], rows], axis=-1)


def chunks_of(values, axes):
    """Sums over the samples of each chunk, and over their rows, which `axes` axes number."""
    starts = range(0, len(values), CHUNK_ROWS)
    return np.array([values[at : at + CHUNK_ROWS].sum(axis=tuple(range(axes))) for at in starts])
