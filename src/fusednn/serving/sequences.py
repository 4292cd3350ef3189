"""Series of unequal lengths: from lists of arrays to one array, and the lengths of its samples."""

from __future__ import annotations

import numpy as np

from fusednn.graph.time_axis import Series

__all__ = [
    "Series",
    "are_sequences",
    "checked_lengths",
    "lengthened",
    "refuse_mixed",
    "stacked",
    "steps_of",
]

ROWS_AT_ONCE = 1 << 22
"""About the most numbers whose NaN are looked for at once."""


def are_sequences(X) -> bool:
    """Whether X lists an array for each sample that NumPy could not stack: lengths differ.

    Frames, columns and tensors are arrays too. A vector of objects that are arrays, also a pandas
    `Series`, is such a list whatever their lengths.
    """
    if not isinstance(X, list | tuple):
        is_vector = getattr(X, "ndim", 0) == 1 and getattr(X.dtype, "kind", "") == "O"
        return is_vector and len(X) > 0 and all(_is_array(sample) for sample in X)
    if not X or not all(_is_array(sample) for sample in X):
        return False
    return len({len(sample) for sample in X}) > 1


def refuse_mixed(X) -> None:
    """Refuses a list of arrays that has anything else among them; NumPy's error names nothing.

    Raises
    ------
    ValueError
        The message names the first sample that is no array.
    """
    if not isinstance(X, list | tuple):
        return
    are_arrays = [_is_array(sample) for sample in X]
    if any(are_arrays) and not all(are_arrays):
        number = are_arrays.index(False)
        raise ValueError(
            f"X[{number}] must be an array of numbers, as other samples of X are, got"
            f" {type(X[number]).__name__}."
        )


def _is_array(sample) -> bool:
    if isinstance(sample, list | tuple):
        return True
    return hasattr(sample, "__array__") and len(getattr(sample, "shape", ())) > 0


def _array(sample, number: int) -> np.ndarray:
    try:
        return np.asarray(sample)
    except ValueError:
        raise ValueError(
            f"X[{number}] must be a series of numbers, (steps, features) or (steps,), but its"
            " steps have unequal numbers of features."
        ) from None


def stacked(
    X,
    steps: int = 0,
    whole: type = np.float32,
    padding: int | None = None,
    series: Series | None = None,
) -> np.ndarray:
    """One array of series of unequal lengths, with NaN or `padding` behind the last step of each.

    Parameters
    ----------
    X : list, tuple or ndarray of objects
        For each sample an array or a frame (steps, features), or (steps,).
    steps : int
        The fewest steps of the result.
    whole : type
        What integers become; floats stay.
    padding : int, optional
        For tokens, whose integers stay.
    series : Series, optional
        What a fitted network reads.

    Returns
    -------
    ndarray of float, of shape (n_samples, most steps, features) or (n_samples, most steps)

    Raises
    ------
    ValueError
        If a sample has no step, or another number of features or axes than the first, or than
        `series`.
    """
    samples = [_array(sample, number) for number, sample in enumerate(X)]
    first = samples[0]
    for number, sample in enumerate(samples):
        if sample.ndim not in (1, 2) or sample.dtype.kind not in "fiub":
            raise ValueError(
                f"X[{number}] must be a series of numbers, (steps, features) or (steps,), got an"
                f" array of {sample.dtype} of shape {sample.shape}."
            )
        if sample.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"X[{number}] has the shape {sample.shape}, but X[0] {first.shape}: all series"
                " must have the same features."
            )
        if not len(sample):
            raise ValueError(f"X[{number}] has no step.")
    if (
        series is not None
        and not (series.are_tokens or series.channels_first)
        and (first.shape[1:] or (1,)) != (series.features,)
    ):
        raise ValueError(
            f"X[0] has the shape {first.shape}, but the network reads series {series.free_text}."
        )
    steps = max(steps, *map(len, samples))
    kinds = {sample.dtype if sample.dtype.kind == "f" else np.dtype(whole) for sample in samples}
    if padding is not None:
        if first.ndim > 1:
            raise ValueError(f"X[0] has the shape {first.shape}, but tokens are (steps,).")
        kinds = {sample.dtype for sample in samples} | {np.min_scalar_type(padding)}
    fill = np.nan if padding is None else padding
    found = np.full((len(samples), steps, *first.shape[1:]), fill, np.result_type(*kinds))
    for row, sample in zip(found, samples, strict=True):
        row[: len(sample)] = sample
    return found


def lengthened(X: np.ndarray, series: Series) -> np.ndarray:
    """Rows of fewer steps than those of `series`, with padding behind them, as rows of its steps.

    Parameters
    ----------
    X : ndarray of shape (n_samples, steps * features)
    series : Series
        For samples that may have padding.

    Returns
    -------
    ndarray of shape (n_samples, series.steps * features)
    """
    steps = X.shape[1] // series.features
    fill = series.padding if series.are_tokens else np.nan
    found = np.full((len(X), *series.axes(series.steps)), fill, X.dtype)
    place = (..., slice(steps)) if series.channels_first else (slice(None), slice(steps))
    found[place] = X.reshape(len(X), *series.axes(steps))
    return found.reshape(len(X), -1)


def steps_of(X: np.ndarray, series: Series) -> np.ndarray:
    """The steps of all series of X (n_samples, steps * features), without padding, as rows."""
    X = X.reshape(len(X), *series.axes(X.shape[1] // series.features))
    if series.channels_first:
        X = np.moveaxis(X, 1, -1)
    X = X.reshape(-1, series.features)
    padding = np.isnan(X[:, 0])
    return X[~padding] if padding.any() else X


def checked_lengths(X: np.ndarray, features: int, channels_first: bool = False) -> np.ndarray:
    """The steps of each sample before its padding.

    Parameters
    ----------
    X : ndarray of float, of shape (n_samples, steps * features)
    features : int
    channels_first : bool
        Whether a sample is (features, steps), else (steps, features).

    Returns
    -------
    ndarray of int64, of shape (n_samples,)

    Raises
    ------
    ValueError
        If a sample has no step, or NaN elsewhere than in all features of its last steps. The
        message names the sample and the step.
    """
    steps = X.shape[1] // features
    found = np.empty(len(X), np.int64)
    at_once = max(1, ROWS_AT_ONCE // X.shape[1])
    for start in range(0, len(X), at_once):
        part = np.isnan(X[start : start + at_once])
        part = part.reshape(
            len(part), *((features, steps) if channels_first else (steps, features))
        )
        counts = part.sum(axis=1 if channels_first else 2)
        behind = (counts == features)[:, ::-1].cumprod(axis=1).sum(axis=1)
        lengths = found[start : start + at_once] = steps - behind
        _check(counts, lengths, features, start)
    return found


def _check(counts: np.ndarray, lengths: np.ndarray, features: int, start: int) -> None:
    """Refuses samples without a step, and NaN before the last step.

    Parameters
    ----------
    counts : ndarray of shape (rows, steps)
        How many features of each step are NaN.
    lengths : ndarray of shape (rows,)
    features, start : int
        The number of features, and of the first sample.
    """
    if not lengths.all():
        raise ValueError(f"X[{start + int(lengths.argmin())}] has no step: all of it is NaN.")
    wrong = (counts > 0) & (np.arange(counts.shape[1]) < lengths[:, np.newaxis])
    if wrong.any():
        row, step = np.argwhere(wrong)[0].tolist()
        where = "" if counts[row, step] == features else " in some features only"
        raise ValueError(
            f"X[{start + row}] has NaN at step {step}{where}: only the last steps of a series may"
            " be NaN, in all features, which makes them padding."
        )
