"""Random tables of mixed types, as frames of pandas."""

import numpy as np
import pandas as pd

MAKERS = {}


def maker(function):
    MAKERS[function.__name__] = function
    return function


@maker
def normal(rng, n):
    return rng.normal(5, 3, n)


@maker
def outliers(rng, n):
    return rng.standard_cauchy(n) ** 5


@maker
def whole(rng, n):
    return rng.integers(-5, 2**40, n)


@maker
def small(rng, n):
    return rng.integers(0, 6, n).astype(np.int8)


@maker
def spiky(rng, n):
    return np.where(rng.random(n) < 0.95, 0.0, rng.exponential(1000, n))


@maker
def gaps(rng, n):
    return np.where(rng.random(n) < 0.3, np.nan, rng.random(n).astype(np.float32))


@maker
def nullable(rng, n):
    return pd.array(np.where(rng.random(n) < 0.2, None, rng.integers(0, 99, n)), dtype="Int64")


@maker
def constant(rng, n):
    return np.full(n, 3.5)


@maker
def one_word(rng, n):
    return np.full(n, "same", object)


@maker
def words(rng, n):
    return rng.choice(np.array(["red", "green", "blue", "", None], object), n)


@maker
def two_words(rng, n):
    return pd.array(rng.choice(np.array(["no", "yes", None], object), n), dtype="string")


@maker
def many_words(rng, n):
    return pd.Categorical([f"w{i}" for i in rng.integers(0, 15, n)])


@maker
def flag(rng, n):
    return rng.random(n) < 0.4


@maker
def flag_with_gaps(rng, n):
    return pd.array(rng.choice(np.array([True, False, None], object), n), dtype="boolean")


@maker
def day(rng, n):
    days = pd.Timestamp("2023-11-05") + pd.to_timedelta(rng.integers(0, 400, n), unit="D")
    return pd.Series(days).where(rng.random(n) < 0.9).to_numpy()


def mixed_frame(seed, n=120, width=8):
    """A frame of random columns, one of which always varies."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(list(MAKERS), width)
    names = [f"{name} {place}" for place, name in enumerate(chosen)]
    frame = pd.DataFrame({"x": rng.normal(size=n)})
    for name, kind in zip(names, chosen, strict=True):
        frame[name] = MAKERS[kind](rng, n)
    return frame[list(rng.permutation(frame.columns))]
