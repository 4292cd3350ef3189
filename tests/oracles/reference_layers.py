"""The oracle of products, layouts, layers and random numbers: plain float64 NumPy, row by row."""

import numpy as np
from oracles import reference

# -- matrix products and layouts -------------------------------------------------------------


def multiply(a, b, init, floor):
    """max(floor, init + a b), one term after the other; a NaN stays."""
    c = np.array(np.broadcast_to(init, (a.shape[0], b.shape[1])), float)
    for k in range(a.shape[1]):
        c += np.outer(a[:, k].astype(float), b[k].astype(float))
    return np.where(c < floor, floor, c)


def panels(b, depth, width, lanes):
    """b (K, N) in panels of `depth` rows and `width` columns, narrower ones at the end."""
    parts, j = [], 0
    while j < b.shape[1]:
        w = width if b.shape[1] - j >= width else lanes
        part = b[:, j : j + w]
        padding = (0, depth - part.shape[0]), (0, w - part.shape[1])
        parts.append(np.pad(part, padding).ravel())
        j += w
    return np.concatenate(parts)


def transpose_square(src):
    return np.array([[src[j, i] for j in range(len(src))] for i in range(len(src))])


def sum_squares(x):
    return sum(float(value) ** 2 for value in x)


# -- layers ----------------------------------------------------------------------------------


def dense_forward(x, w, b, activation):
    z = x.astype(float) @ w.astype(float) + b.astype(float)
    return getattr(reference, f"{activation}_forward")(z)


def dense_backward(dout, out, x, w, activation):
    """dx, dw, db."""
    dz = getattr(reference, f"{activation}_backward")(dout.astype(float), out.astype(float))
    return dz @ w.T.astype(float), x.T.astype(float) @ dz, dz.sum(axis=0)


def gather_dense(data, order):
    return np.array([data[sample] for sample in order])


def _dense_rows(values, indices, pointers, fan_in, order):
    x = np.zeros((len(order), fan_in))
    for row, sample in enumerate(order):
        for at in range(pointers[sample], pointers[sample + 1]):
            x[row, indices[at]] += values[at]
    return x


def csr_forward(values, indices, pointers, order, w, b, activation):
    return dense_forward(_dense_rows(values, indices, pointers, len(w), order), w, b, activation)


def update_csr_weights(values, indices, pointers, order, fan_in, dz):
    """x^T dz, the gradient of the weights."""
    return _dense_rows(values, indices, pointers, fan_in, order).T @ dz.astype(float)


def code_of(value, count):
    """The nearest of the codes, halves up; 0 for NaN."""
    return 0 if np.isnan(value) else int(np.clip(np.floor(float(value) + 0.5), 0, count - 1))


def embed_rows(data, samples, plain, tables):
    """Plain columns, then the vector of each (table, column)'s code."""
    rows = []
    for sample in samples:
        vectors = [table[code_of(data[sample, column], len(table))] for table, column in tables]
        rows.append(np.concatenate([data[sample, plain], *vectors]))
    return np.array(rows)


def sort_codes(codes, count):
    """STARTS, and the rows of each code in turn."""
    rows = [[row for row, code in enumerate(codes) if code == k] for k in range(count)]
    return np.cumsum([0, *map(len, rows)]), np.array([row for part in rows for row in part])


def update_table(codes, count, dz):
    """The gradient of a table: that of a dense layer on zeros and ones."""
    return (np.arange(count)[:, np.newaxis] == codes).astype(float) @ dz.astype(float)


def philox(counter, key):
    """Philox4x32-10 as its paper writes it, in Python's integers: four words."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 % 2**32, (p0 >> 32) ^ c3 ^ k1, p0 % 2**32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def dropout_mask(rate, rows, columns, *, seed, step, layer, positions=1):
    """The factors of a layer's outputs in one step: 0, or 1 / (1 - rate).

    Each sample has so many `positions`, which are rows.
    """
    quarter = -(-columns // 4)
    kept = np.empty((rows, 4 * quarter))
    for row in range(rows):
        for q in range(quarter):
            counter = row % positions * quarter + q, row // positions, step, layer
            drawn = philox(counter, (seed, 0))
            kept[row, q::quarter] = [word >= round(rate * 2**32) for word in drawn]
    return kept[:, :columns] / (1 - rate)


def gaussian_noise(rows, columns, *, seed, step, layer, positions=1):
    """Standard normals by Box and Muller: the first two quarters of a row's columns are pairs."""
    quarter = -(-columns // 4)
    noise = np.empty((rows, 4 * quarter))
    for row in range(rows):
        for q in range(quarter):
            counter = row % positions * quarter + q, row // positions, step, layer
            u, v, s, t = ((word + 0.5) / 2**32 for word in philox(counter, (seed, 0)))
            for first, radius, turn in ((q, u, v), (q + 2 * quarter, s, t)):
                circle = np.exp(2j * np.pi * turn) * np.sqrt(-2 * np.log(radius))
                noise[row, first], noise[row, first + quarter] = circle.real, circle.imag
    return noise[:, :columns]
