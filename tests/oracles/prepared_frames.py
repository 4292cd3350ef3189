"""What becomes of a frame, by pandas and the transformers of scikit-learn."""

import numpy as np
import pandas as pd
from sklearn.impute import MissingIndicator
from sklearn.preprocessing import OneHotEncoder, RobustScaler

DATE_PARTS = "year", "month", "day", "weekday", "hour", "elapsed"


def prepared(train, frame):
    """The inputs by name, float64, and the codes of columns of more than 8 categories by name."""
    inputs, codes = {}, {}
    for name in train:
        old, new = train[name], frame[name]
        if old.dtype.kind == "M":
            first = old.min().normalize()
            for part in DATE_PARTS:
                write_numbers(
                    inputs, f"{name}: {part}", *(date_part(c, part, first) for c in (old, new))
                )
            write_indicator(inputs, name, old, new)
        elif is_number(old):
            write_numbers(
                inputs,
                name,
                *(c.astype("Float64").to_numpy(float, na_value=np.nan) for c in (old, new)),
            )
            write_indicator(inputs, name, old, new)
        else:
            write_category(inputs, codes, name, texts_of(old), texts_of(new))
    return inputs, codes


def is_number(series):
    kind = series.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def date_part(series, part, first):
    if part == "elapsed":
        return ((series - first) / pd.Timedelta("1D")).to_numpy(float)
    return getattr(series.dt, {"weekday": "day_of_week"}.get(part, part)).to_numpy(float)


def write_numbers(inputs, name, old, new):
    known = old[~np.isnan(old)]
    if known.min() == known.max():
        return
    scaler = RobustScaler().fit(old[:, np.newaxis])
    first, third = np.quantile(known, [0.25, 0.75])
    if first == third:  # then scikit-learn does not divide
        scaler.scale_ = np.array([(known.max() - known.min()) / 2])
    z = scaler.transform(new[:, np.newaxis])[:, 0]
    inputs[name] = np.nan_to_num(z / np.sqrt(1 + (z / 3) ** 2))


def write_indicator(inputs, name, old, new):
    known = MissingIndicator(features="missing-only", error_on_new=False)
    old, new = (np.where(c.isna(), np.nan, 1.0)[:, np.newaxis] for c in (old, new))
    if known.fit_transform(old).shape[1]:
        inputs[f"{name} missing"] = np.where(known.transform(new)[:, 0], 1.0, -1.0)


def texts_of(series):
    texts = [None if pd.isna(v) or v == "" else str(v) for v in series]
    return np.array(texts, object)


def write_category(inputs, codes, name, old, new):
    known = np.array([v for v in old if v is not None], object)
    words = sorted(set(known))
    if len(words) > 8:
        places = {word: place + 1 for place, word in enumerate(words)}
        codes[name] = np.array([places.get(word, 0) for word in new])
        return
    if len(words) < 2 and len(known) == len(old):
        return
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    flags = encoder.fit(known[:, np.newaxis]).transform(new[:, np.newaxis])
    if len(words) == 2:
        inputs[f"{name}={words[1]}"] = flags[:, 1] - flags[:, 0]
        return
    for place, word in enumerate(words):
        inputs[f"{name}={word}"] = flags[:, place]
