"""Normalisations of the interpreter, with sums over chunks of rows."""

import numpy as np

CHUNK_ROWS = 8
"""Any number serves: the sums of chunks are added up."""


class Norms:
    """Calls of batch and layer normalisation, from what they read to what they write."""

    def layer_norm_forward(self, x, scale, shift, centered, epsilon):
        mean = x.mean(axis=-1, keepdims=True) if centered else 0.0
        inverse = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + epsilon)
        normal = (x - mean) * inverse
        out = normal * scale + (0.0 if shift is None else shift)
        return {"out": out, "normal": normal, "inverse": inverse[..., 0]}

    def layer_norm_backward(self, dout, normal, inverse, scale, centered):
        g = dout * scale
        mean = g.mean(axis=-1, keepdims=True) if centered else 0.0
        product = (g * normal).mean(axis=-1, keepdims=True)
        dx = (g - mean - normal * product) * inverse[..., np.newaxis]
        return {"dx": dx, "products": dout * normal}

    def layer_norm_sums(self, dout, normal, inverse, scale, centered):
        found = self.layer_norm_backward(dout, normal, inverse, scale, centered)
        chunks = sums_of_chunks(found.pop("products"), dout)
        shift = {"dshift": chunks[:, 1]} if centered else {}
        return found | {"dscale": chunks[:, 0]} | shift

    def batch_partials(self, x, lengths):
        self._rows = len(rows_of(x)) if lengths is None else lengths.sum()
        return {"partials": sums_of_chunks(x, x**2)}

    def batch_statistics(
        self, partials, lengths, running_mean, running_variance, momentum, epsilon
    ):
        n = self._rows
        mean, squares = partials.sum(axis=0)
        mean /= n
        variance = squares / n - mean**2  # of float64 values near 1
        running_mean += momentum * (mean - running_mean)
        if n > 1:
            running_variance += momentum * (variance * n / (n - 1) - running_variance)
        return {"mean": mean, "inverse": 1 / np.sqrt(variance + epsilon)}

    def inverse_deviation(self, variance, epsilon):
        return {"out": 1 / np.sqrt(variance + epsilon)}

    def batch_norm_forward(self, x, mean, inverse, scale, shift, floor):
        return {"out": np.maximum((x - mean) * inverse * scale + shift, floor)}

    def batch_norm_partials(self, dout, x, mean, inverse, lengths):
        return {"partials": sums_of_chunks(dout, dout * (x - mean) * inverse)}

    def batch_norm_sums(self, partials):
        dshift, dscale = partials.sum(axis=0)
        return {"dscale": dscale, "dshift": dshift}

    def batch_norm_backward(self, dout, x, mean, inverse, lengths, scale, dscale, dshift):
        normal = (x - mean) * inverse
        rows = len(rows_of(dout)) if lengths is None else lengths.sum()
        rest = dout - (dshift + normal * dscale) / rows
        return {"dx": scale * inverse * rest}


def rows_of(values):
    """(rows, columns) of values over samples."""
    return values.reshape(-1, values.shape[-1])


def sums_of_chunks(x, y):
    """(chunks, 2, columns): the sums of x and of y over the rows of each chunk."""
    parts = [
        [rows[at : at + CHUNK_ROWS].sum(axis=0) for at in range(0, len(rows), CHUNK_ROWS)]
        for rows in (rows_of(x), rows_of(y))
    ]
    return np.array(parts).transpose(1, 0, 2)
