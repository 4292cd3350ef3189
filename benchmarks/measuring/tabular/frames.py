"""Frames as peers take them: no strings, no dates, no booleans.

A peer gets its columns in the form that its own documentation asks for, outside the measured
time. Estimators of fusednn get the frame as it was read.
"""

import numpy as np
import pandas as pd


def numeric(frame):
    """Booleans as numbers, dates as days and their hour and weekday; strings stay."""
    columns = {}
    for name, column in frame.items():
        if pd.api.types.is_datetime64_any_dtype(column):
            columns[name] = (column - pd.Timestamp(2000, 1, 1)) / pd.Timedelta(days=1)
            columns[f"{name} hour"] = column.dt.hour.astype(float)
            columns[f"{name} weekday"] = column.dt.dayofweek.astype(float)
        elif pd.api.types.is_bool_dtype(column):
            columns[name] = column.astype(float)
        else:
            columns[name] = column
    return pd.DataFrame(columns)


def names_of_categories(frame):
    """The columns that hold no numbers."""
    return [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]


def with_categories(train, test):
    """Strings as pandas' categories, those of the training rows; others in `test` are missing."""
    train, test = numeric(train), numeric(test)
    for name in names_of_categories(train):
        levels = np.sort(train[name].dropna().unique())
        for frame in (train, test):
            known = frame[name].where(frame[name].isin(levels))
            frame[name] = pd.Categorical(known, categories=levels)
    return train, test


def with_strings(train, test):
    """Strings without missing values, as CatBoost takes categories."""
    train, test = numeric(train), numeric(test)
    for name in names_of_categories(train):
        for frame in (train, test):
            frame[name] = frame[name].astype(object).fillna("missing").astype(str)
    return train, test
