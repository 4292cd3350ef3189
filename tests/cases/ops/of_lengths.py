"""Cases of the ops that count the steps of padded series, and clear what is behind them."""

import numpy as np
from fusednn.kernels.ops import gather, lengths
from running.op_cases import BY_ROWS, SAMPLES, Case, always, of_rows

from fusednn.graph.windows import Windows

STEPS, FEATURES = 5, 3
MORE = SAMPLES + 9


def padded_series(make, turned=False):
    """Samples of a data set and their steps; a feature of some of the steps is NaN."""
    series, counts = make.values(MORE, STEPS, FEATURES), make.random.randint(1, STEPS + 1, MORE)
    series[::2, 0, 1] = np.nan
    series[np.arange(STEPS) >= counts[:, np.newaxis]] = np.nan
    if turned:
        series = series.transpose(0, 2, 1)
    return series.reshape(MORE, -1), counts


def counted(make, step, feature, turned):
    series, counts = padded_series(make, turned)
    order, found = make.order(), np.zeros(SAMPLES, np.int64)
    operands = {
        "counts": found, "data": make.data(series), "order": order, "steps": STEPS,
        "features": FEATURES, "step": step, "feature": feature,
    }  # fmt: skip
    out = {"counts": always(found)}
    return Case(lengths.count_steps, operands, out, {"counts": counts[order]}, BY_ROWS)


def count_steps(make):
    return counted(make, FEATURES, 1, False)


def count_steps_of_rows_of_features(make):
    return counted(make, 1, STEPS, True)


def window_lengths(make):
    steps = make.random.randint(0, STEPS + 1, SAMPLES)
    found = np.zeros(SAMPLES, np.int64)
    operands = {"counts": found, "steps": steps}
    out = {"counts": always(found)}
    return Case(lengths.window_lengths, operands, out, {"counts": steps}, BY_ROWS)


def longer(make):
    first, second = (make.random.randint(1, STEPS + 1, SAMPLES) for _ in range(2))
    found = np.zeros(SAMPLES, np.int64)
    operands = {"counts": found, "first": first, "second": second}
    want = {"counts": np.maximum(first, second)}
    return Case(lengths.longer, operands, {"counts": always(found)}, want, BY_ROWS)


def change_lengths(make):
    """Windows of three steps, two apart, with a step of padding before; the last may overhang."""
    given, found = make.random.randint(1, 12, SAMPLES), np.zeros(SAMPLES, np.int64)
    operands = {
        "counts": found, "lengths": given, "factor": 1, "added": 0, "divisor": 2, "overhang": 1,
    }  # fmt: skip
    windows = [Windows((int(n),), (3,), (2,), ((1, 0),), (1,), True) for n in given]
    want = {"counts": np.array([max(1, *one.counts) for one in windows])}
    return Case(lengths.change_lengths, operands, {"counts": always(found)}, want, BY_ROWS)


def clear_steps(make):
    counts, out = make.random.randint(1, STEPS + 1, SAMPLES), make.empty(rows=SAMPLES * STEPS)
    values = make.values(SAMPLES, STEPS, out.width)
    out.values[:] = values.reshape(-1, out.width)
    out.rows[:, out.width : out.padded] = 0
    values[np.arange(STEPS) >= counts[:, np.newaxis]] = 0
    operands = {
        "out": out.block._replace(positions=STEPS).by_sample, "lengths": counts, "steps": STEPS,
        "step": out.stride,
    }  # fmt: skip
    want = {"out": values.reshape(-1, out.width)}
    return of_rows(lengths.clear_steps, operands, {"out": out}, want)


def gather_padded(make):
    series, _ = padded_series(make)
    order, out = make.order(), make.empty(STEPS * FEATURES)
    operands = {
        "out": out.block, "data": make.data(series), "order": order, "padded": out.padded,
    }  # fmt: skip
    want = {"out": np.nan_to_num(series[order])}
    return of_rows(gather.gather_padded, operands, {"out": out}, want)


CASES = [
    *(count_steps, count_steps_of_rows_of_features, longer, change_lengths, clear_steps),
    *(gather_padded, window_lengths),
]
