"""Reads time series and their classes from `.ts` files, as the UCR and UEA archives have them."""

import gzip
import os
import sys
from pathlib import Path

import numpy as np

FOLDER = "ucr-uea"
SETS = "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf"
"""Those whose series are all of one length."""
UNEQUAL = ("JapaneseVowels",)
"""Those whose series have lengths of their own."""


def folder():
    """The folder of the files; ends the program with a sentence where there is none."""
    root = Path(os.environ.get("FUSEDNN_DATA", "")) / FOLDER
    if "FUSEDNN_DATA" not in os.environ or not root.is_dir():
        sys.exit(f"set FUSEDNN_DATA to the folder that holds {FOLDER}/ with its .ts.gz files")
    return root


def load(name, part):
    """Series (n, T, C) in float32, or a list of (T_i, C), and labels (n,).

    Parameters
    ----------
    name : str
        One of `SETS` or `UNEQUAL`.
    part : {"TRAIN", "TEST"}
    """
    series, labels = [], []
    with gzip.open(folder() / f"{name}_{part}.ts.gz", "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip() and line[0] not in "#@":
                *channels, label = line.strip().split(":")
                series.append([np.array(one.split(","), np.float32) for one in channels])
                labels.append(label)
    series = [np.stack(channels, axis=1) for channels in series]
    if name in UNEQUAL:
        return series, np.array(labels)
    return np.stack(series), np.array(labels)
