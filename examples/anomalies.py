"""Attacks in connections of a network, found by what `Autoencoder` cannot give back.

    FUSEDNN_DATA=folder python examples/anomalies.py [--seeds 3]

The 10 % of the data of the KDD Cup 1999 (`folder/kddcup99-10pct`), each connection once. The
models learn from half of the normal connections, and see no attack. The other half and all attacks
are then ordered by how unusual they are: by minus `score_samples` of the autoencoder and of an
IsolationForest, and by the error that PCA with as many numbers leaves. Prints the ROC AUC of each.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fusednn import Autoencoder

WORDS = [1, 2, 3]
"""The columns of words: protocol, service and flag."""

NORMAL, EPOCHS = "normal.", 20


def load() -> tuple[pd.DataFrame, np.ndarray]:
    """Connections, each once, and whether it is an attack."""
    path = (
        Path(os.environ.get("FUSEDNN_DATA", "")) / "kddcup99-10pct" / "kddcup.data_10_percent.gz"
    )
    if "FUSEDNN_DATA" not in os.environ or not path.is_file():
        sys.exit("set FUSEDNN_DATA to the folder that holds kddcup99-10pct/")
    table = pd.read_csv(path, header=None).drop_duplicates()
    return table.iloc[:, :-1], (table.iloc[:, -1] != NORMAL).to_numpy()


def prepared(last) -> Pipeline:
    """A model behind columns of words as 0 and 1, and numbers in standard deviations."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), WORDS),
        remainder=StandardScaler(),
    )
    return make_pipeline(columns, last)


def network(seed: int = 0, epochs: int = EPOCHS, **options) -> Autoencoder:
    """The autoencoder; `options` are parameters in place of those here."""
    found = {"max_iter": epochs, "random_state": seed, "dtype": "float32"}
    return Autoencoder(**(found | options))


def unusual_by_pca(model: Pipeline, X: pd.DataFrame) -> np.ndarray:
    """The mean squared error of what PCA gives back."""
    rows = model[:-1].transform(X)
    back = model[-1].inverse_transform(model[-1].transform(rows))
    return np.square(rows - back).mean(axis=1)


def run(X: pd.DataFrame, is_attack: np.ndarray, seed: int, **options) -> dict[str, float]:
    """The ROC AUC of each way; `options` are those of `network`."""
    train, normal = train_test_split(X[~is_attack], test_size=0.5, random_state=seed)
    test = pd.concat([normal, X[is_attack]])
    truth = np.repeat([False, True], [len(normal), is_attack.sum()])
    auto = prepared(network(seed, **options))
    forest = prepared(IsolationForest(random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it has the epochs that it is given
        auto.fit(train)
    numbers = auto[-1].get_feature_names_out().size
    pca = prepared(PCA(numbers, random_state=seed)).fit(train)
    unusual = {
        "Autoencoder": -auto.score_samples(test),
        "PCA": unusual_by_pca(pca, test),
        "IsolationForest": -forest.fit(train).score_samples(test),
    }
    return {name: float(roc_auc_score(truth, found)) for name, found in unusual.items()}


def table(found: list[dict[str, float]]) -> str:
    """A line for each way: its mean and the values of the seeds."""
    lines = []
    for name in found[0]:
        values = [one[name] for one in found]
        shown = " ".join(f"{value:.4f}" for value in values)
        lines.append(f"{name:16} ROC AUC {np.mean(values):.4f} ({shown})")
    return "\n".join(lines)


def main(arguments=None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args(arguments)
    X, is_attack = load()
    print(f"{len(X)} connections, {is_attack.sum()} of them attacks")
    print(table([run(X, is_attack, seed, n_jobs=asked.threads) for seed in range(asked.seeds)]))


if __name__ == "__main__":
    main()
