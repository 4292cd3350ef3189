"""The fifteen tables that estimators for tables are judged by; `further` has others."""

from functools import partial

import numpy as np
import pandas as pd

from .reading import named, of_classes, of_numbers, of_scikit_learn, read


def _california():
    frame = read("california-housing/housing.csv.gz")
    return of_numbers(frame.drop(columns="median_house_value"), frame["median_house_value"])


ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "country"),
    "income",
)


def _adult():
    parts = [
        read(f"adult/adult-{part}.csv.gz", names=ADULT, skipinitialspace=True, na_values="?")
        for part in ("train", "test")
    ]
    frame = pd.concat(parts, ignore_index=True)
    income = frame.pop("income").str.rstrip(".")
    return of_classes(frame, income, own=len(parts[0]))


def _diamonds():
    frame = read("diamonds/diamonds.csv.gz")
    return of_numbers(frame.drop(columns="price"), frame["price"])


def _bank():
    """Without the length of the call, which is known only after it, when its outcome is too."""
    frame = read("bank-marketing/bank-additional-full.csv.gz", sep=";", keep_default_na=False)
    return of_classes(frame.drop(columns=["y", "duration"]), frame["y"])


def _covertype():
    frame = read("covertype-20k/covtype.20k.data.gz", header=None)
    return of_classes(named(frame.iloc[:, :-1]), frame.iloc[:, -1])


def _higgs():
    parts = [
        read(f"higgs-7k/binary.{part}.gz", sep="\t", header=None) for part in ("train", "test")
    ]
    frame = pd.concat(parts, ignore_index=True)
    return of_classes(named(frame.iloc[:, 1:]), frame.iloc[:, 0])


COLOURS = "red", "white"


def _wine():
    """Both colours in one table; the quality is a number."""
    parts = [read(f"wine-quality/winequality-{one}.csv.gz", header=None) for one in COLOURS]
    frame = pd.concat(parts, ignore_index=True)
    inputs = named(frame.iloc[:, :-1])
    inputs["colour"] = np.repeat(COLOURS, [len(part) for part in parts])
    return of_numbers(inputs, frame.iloc[:, -1])


def _letter():
    frame = read("letter-recognition/letter-recognition.data.gz")
    return of_classes(named(frame.iloc[:, 1:]), frame.iloc[:, 0], own=16_000)


def _uci(name):
    frame = read(f"uci-regression/{name}.txt.gz", sep=r"\s+", header=None)
    return of_numbers(named(frame.iloc[:, :-1]), frame.iloc[:, -1])


def _titanic():
    """Without `alive`, which repeats the target in words."""
    frame = read("titanic/titanic.csv.gz")
    return of_classes(frame.drop(columns=["survived", "alive"]), frame["survived"])


SETS = {
    "diabetes": partial(of_scikit_learn, "diabetes"),
    "breast_cancer": partial(of_scikit_learn, "breast_cancer"),
    "titanic": _titanic,
    "concrete": partial(_uci, "concrete"),
    "wine-quality": _wine,
    "higgs-7k": _higgs,
    "kin8nm": partial(_uci, "kin8nm"),
    "power-plant": partial(_uci, "power-plant"),
    "covertype-20k": _covertype,
    "letter-recognition": _letter,
    "california-housing": _california,
    "bank-marketing": _bank,
    "protein": partial(_uci, "protein-tertiary-structure"),
    "diamonds": _diamonds,
    "adult": _adult,
}
"""What reads each of the fifteen tables, from the smallest to the largest."""

OWN_PARTS = "letter-recognition", "adult"
"""Those whose test part is the table's own, at every seed."""


def load(name):
    """The `Table` of a name in `SETS`."""
    return SETS[name]()
