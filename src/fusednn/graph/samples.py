"""What the first op of a network reads: the data in place, or the samples of a batch as copies."""

from __future__ import annotations

from .arrays import INT64, ROWS, Array
from .augmentation import Augmentation
from .layers.dense import Dense
from .layers.embedding import Embedding
from .layers.layer import Layer
from .layers.reshape import Reshape
from .layers.token_embedding import TokenEmbedding
from .trace import Trace


def samples_of(
    trace: Trace, first: Layer, mixed: bool, augmentation: Augmentation | None, in_bytes: bool
) -> Array:
    """What the first op reads: the data in place if it is such an op, else a gathered copy."""
    is_changed = mixed or in_bytes or augmentation is not None
    if isinstance(first, TokenEmbedding):
        return trace.x
    if isinstance(first, Dense | Embedding | Reshape) and not is_changed:
        return trace.x
    x = _gathered(trace, "own", augmentation)
    return mixed_rows(trace, x, _gathered(trace, "partners", augmentation)) if mixed else x


def padded_windows(trace: Trace, first: Layer) -> Array:
    """Copies of windows of padded series, or tokens themselves, whose steps are given."""
    lengths = Array((1,), ROWS, INT64)
    trace.call("window_lengths", {"counts": lengths})
    trace.data_lengths = lengths
    if isinstance(first, TokenEmbedding):
        return trace.x
    return _gathered(trace, "own", None, padded=True)


def padded_samples(trace: Trace, first: Layer, mixed: bool) -> Array:
    """Copies of padded series, whose padding is 0, or tokens themselves; counts their steps."""
    if isinstance(first, TokenEmbedding):
        trace.data_lengths = Array((1,), ROWS, INT64)
        written = {"counts": trace.data_lengths}
        trace.call("count_tokens", written, x=trace.x, steps=first.fan_in, padding=first.padding)
        return trace.x
    if not isinstance(first, Reshape) or len(first.shape) != 2:
        raise ValueError(f"series of unequal lengths need a time axis first, not {first}")
    found = []
    for order in ("own", "partners") if mixed else ("own",):
        lengths = Array((1,), ROWS, INT64)
        given = {"order": order, "steps": first.out_shape((first.fan_in,))[0]}
        given["turned"] = first.channels_first
        trace.call("count_steps", {"counts": lengths}, x=trace.x, **given)
        found.append((_gathered(trace, order, None, padded=True), lengths))
    if not mixed:
        [(x, trace.data_lengths)] = found
        return x
    (x, lengths), (other, others) = found
    trace.data_lengths = Array((1,), ROWS, INT64)
    trace.call("longer", {"counts": trace.data_lengths}, first=lengths, second=others)
    return mixed_rows(trace, x, other)


def _gathered(
    trace: Trace, order: str, augmentation: Augmentation | None, padded: bool = False
) -> Array:
    """The samples of a batch in an order, augmented if that is asked for."""
    x = Array(trace.x.shape)
    trace.call("gather", {"out": x}, x=trace.x, order=order, padded=padded)
    if augmentation is None:
        return x
    out = Array(x.shape)
    stream = trace.next_stream()
    if augmentation.deviations:
        trace.next_stream()  # of the noise
    trace.call("augment", {"out": out}, x=x, augmentation=augmentation, stream=stream)
    return out


def mixed_rows(trace: Trace, x: Array, other: Array) -> Array:
    """Rows of two arrays, mixed by the share of the step."""
    out = Array(x.shape)
    trace.call("mix_rows", {"out": out}, x=x, other=other)
    return out
