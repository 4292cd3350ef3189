"""asv: predictors, from a file to an answer."""

import tempfile
from pathlib import Path

from benchmarks.measuring.networks import NETWORKS, make_data

from .inference import fitted

NAMES = ("small-32", "tabular", "image", "wide")
CALLS = 100
"""Calls of one row in a timed run, so that it lasts longer than the clock's resolution."""


class Answers:
    """Answers to one row and to a thousand rows, on one thread."""

    params = (NAMES, (None, "bfloat16", "int8"))
    param_names = ("network", "weights")

    def setup(self, name, weights):
        from fusednn import freeze

        network = NETWORKS[name]
        model = fitted(network, "float32")
        self.X, _ = make_data(network._replace(samples=1000), "float32", seed=1)
        self.row = self.X[:1].copy()
        try:
            self.predictor = freeze(model, n_jobs=1, weights=weights)
        except ValueError as error:  # not on this CPU
            raise NotImplementedError(str(error)) from None
        self.predictor.predict_proba(self.row)
        self.predictor.predict_proba(self.X)

    def time_row(self, name, weights):
        for _ in range(CALLS):
            self.predictor.predict_proba(self.row, validate=False)

    def time_thousand(self, name, weights):
        self.predictor.predict_proba(self.X)


class Files:
    """Saving and loading."""

    params = (NAMES,)
    param_names = ("network",)

    def setup(self, name):
        from fusednn import freeze

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "model.safetensors")
        self.predictor = freeze(fitted(NETWORKS[name], "float32"))
        self.predictor.save(self.path)

    def teardown(self, name):
        self.folder.cleanup()

    def time_save(self, name):
        self.predictor.save(self.path)

    def time_load(self, name):
        from fusednn import load

        load(self.path)

    def track_bytes(self, name):
        return self.path.stat().st_size

    track_bytes.unit = "bytes"
