"""Convolutions and pools of the interpreter: shifted views of padded samples, tap by tap."""

import numpy as np


def framed(x, windows, value=0.0):
    """Samples (B, *sizes, C) with their padding, and room for windows that overhang."""
    ends = [
        max(after, (count - 1) * stride + dilation * (taps - 1) + 1 - before - size)
        for size, taps, stride, (before, after), dilation, count in zip(
            *windows[:5], windows.counts, strict=True
        )
    ]
    pads = [(before, end) for (before, _), end in zip(windows.padding, ends, strict=True)]
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


def views(x, windows):
    """For each tap its index, and its view (B, *counts, C) of framed samples."""
    for tap in np.ndindex(windows.kernel):
        starts = [k * dilation for k, dilation in zip(tap, windows.dilation, strict=True)]
        slices = [
            slice(start, start + (count - 1) * stride + 1, stride)
            for start, count, stride in zip(starts, windows.counts, windows.stride, strict=True)
        ]
        yield tap, x[:, *slices]


def unframed(x, windows):
    """The samples without their padding."""
    inside = [
        slice(before, before + size)
        for size, (before, _) in zip(windows.sizes, windows.padding, strict=True)
    ]
    return x[:, *inside]


def split(x, groups):
    """(..., C) in groups (..., G, C / G)."""
    return x.reshape(*x.shape[:-1], groups, -1)


class Windowed:
    """The calls of an interpreter; `self._shape` is the shape of a sample of the first output."""

    def _samples(self, x, windows):
        return x.reshape(len(x), *windows.sizes, -1)

    def convolve(self, x, w, b, windows, floor, groups=1, storage="", lengths=None):
        assert not storage, "weights are not rounded here"
        x, total = framed(self._samples(x, windows), windows), b
        for tap, view in views(x, windows):
            products = np.einsum("...gi,igo->...go", split(view, groups), split(w[tap], groups))
            total = total + products.reshape(*view.shape[:-1], -1)
        return {"out": np.maximum(total, floor)}

    def convolution_partials(self, x, dz, w, windows, groups=1, lengths=None):
        x, dz = framed(self._samples(x, windows), windows), dz.reshape(len(x), *windows.counts, -1)
        chunks = [slice(at, at + self.chunk_rows) for at in range(0, len(x), self.chunk_rows)]
        dw = np.empty((len(chunks), *self._shape))
        for tap, view in views(x, windows):
            for number, chunk in enumerate(chunks):
                rows = [split(part[chunk], groups) for part in (view, dz)]
                flat = [part.reshape(-1, *part.shape[-2:]) for part in rows]
                sums = np.einsum("ngi,ngo->igo", *flat)
                dw[number][tap] = sums.reshape(self._shape[-2:])
        db = [dz[chunk].reshape(-1, dz.shape[-1]).sum(axis=0) for chunk in chunks]
        return {"dw": dw, "db": np.array(db)}

    def convolve_backward(self, dz, w, windows, groups=1, lengths=None):
        dx = framed(np.zeros((len(dz), *windows.sizes, w.shape[-2] * groups)), windows)
        dz = split(dz.reshape(len(dz), *windows.counts, -1), groups)
        for tap, view in views(dx, windows):
            view += np.einsum("...go,igo->...gi", dz, split(w[tap], groups)).reshape(view.shape)
        return {"dx": unframed(dx, windows).reshape(len(dz), *self._shape)}

    def convolve_transposed(self, x, w, b, windows, groups, storage="", lengths=None):
        assert not storage, "weights are not rounded here"
        out = framed(np.zeros((len(x), *windows.sizes, w.shape[-1])), windows)
        x = split(x, groups)
        for tap, view in views(out, windows):
            view += np.einsum("...gi,igo->...go", x, split(w[tap], groups)).reshape(view.shape)
        return {"out": unframed(out, windows) + b}

    def convolve_transposed_partials(self, x, dz, w, windows, groups, lengths=None):
        framed_dz = framed(dz, windows)
        chunks = [slice(at, at + self.chunk_rows) for at in range(0, len(x), self.chunk_rows)]
        dw = np.empty((len(chunks), *self._shape))
        for tap, view in views(framed_dz, windows):
            for number, chunk in enumerate(chunks):
                rows = [split(part[chunk], groups) for part in (x, view)]
                flat = [part.reshape(-1, *part.shape[-2:]) for part in rows]
                dw[number][tap] = np.einsum("ngi,ngo->igo", *flat).reshape(self._shape[-2:])
        db = [dz[chunk].reshape(-1, dz.shape[-1]).sum(axis=0) for chunk in chunks]
        return {"dw": dw, "db": np.array(db)}

    def convolve_transposed_backward(self, dz, w, windows, groups, lengths=None):
        dx = np.zeros((len(dz), *self._shape))
        for tap, view in views(framed(dz, windows), windows):
            products = np.einsum("...go,igo->...gi", split(view, groups), split(w[tap], groups))
            dx += products.reshape(dx.shape)
        return {"dx": dx}

    def upsample(self, x, windows, lengths=None, out_lengths=None):
        for axis, factor in enumerate(windows.kernel, start=1):
            x = x.repeat(factor, axis)
        return {"out": x}

    def upsample_backward(self, dout, windows, lengths=None, out_lengths=None):
        return {"dx": sum(view for _, view in views(dout, windows))}

    def max_pool(self, x, windows, lengths=None, out_lengths=None):
        x = self._samples(x, windows)
        if lengths is not None:
            x = np.where(within(lengths, x), x, -np.inf)
        x = framed(x, windows, -np.inf)
        every = np.stack([view for _, view in views(x, windows)])
        shape = len(x), *self._shape
        every = np.where(np.isinf(every).all(axis=0), 0, every)  # of windows behind a series
        return {
            "out": every.max(axis=0).reshape(shape),
            "taken": every.argmax(axis=0).reshape(shape),
        }

    def max_pool_backward(self, dout, taken, windows, lengths=None, out_lengths=None):
        dx, shape = self._nothing(dout, windows), (len(dout), *windows.counts, dout.shape[-1])
        for number, (_, view) in enumerate(views(dx, windows)):
            view += np.where(taken == number, dout, 0).reshape(shape)
        return {"dx": unframed(dx, windows)}

    def average_pool(self, x, windows, lengths=None, out_lengths=None):
        x = framed(self._samples(x, windows), windows)
        total = sum(view for _, view in views(x, windows)) / _divisors(windows, lengths)
        return {"out": total.reshape(len(x), *self._shape)}

    def average_pool_backward(self, dout, windows, lengths=None, out_lengths=None):
        dx = self._nothing(dout, windows)
        shares = dout.reshape(len(dout), *windows.counts, -1) / _divisors(windows, lengths)
        for _, view in views(dx, windows):
            view += shares
        return {"dx": unframed(dx, windows)}

    @staticmethod
    def _nothing(dout, windows):
        return framed(np.zeros((len(dout), *windows.sizes, dout.shape[-1])), windows)


def _divisors(windows, lengths):
    """(1, *counts, 1), or (B, *counts, 1) of series: taps of each window within the padding."""
    if lengths is not None:
        after = sum(windows.padding[0])
        found = framed(np.zeros((len(lengths), *windows.sizes, 1)), windows)
        found[:] = within(lengths + after, found)
        return np.maximum(sum(view for _, view in views(found, windows)), 1)
    found = framed(np.zeros((1, *windows.sizes, 1)), windows)
    found[:, *(slice(0, size) for size in windows.framed)] = 1
    return sum(view for _, view in views(found, windows))


def within(lengths, values):
    """Whether a step is one of its series, in the shape of values (B, T, columns)."""
    found = np.arange(values.shape[1]) < np.asarray(lengths)[:, np.newaxis]
    return found[..., np.newaxis]
