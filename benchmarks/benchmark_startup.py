"""asv: time of imports and of the first fit in a new process."""

from .startup import cold_and_warm, import_seconds


class Import:
    """Seconds of imports."""

    def timeraw_fusednn(self):
        return "import fusednn"

    def track_fusednn(self):
        return import_seconds()

    track_fusednn.unit = "s"


class FirstFit:
    """The first fit of a process, with the cache of kernels in a temporary directory."""

    timeout = 300

    def setup_cache(self):
        return cold_and_warm(repeats=3)

    def track_cold_fit(self, figures):
        return figures[0]["fit"]

    def track_warm_fit(self, figures):
        return figures[1]["fit"]

    def track_warm_import(self, figures):
        """`from fusednn import MLPClassifier` after the import of scikit-learn's networks."""
        return figures[1]["import"]

    def track_warm_over_sklearn(self, figures):
        """Import and first fit together, after the import of scikit-learn's networks."""
        return figures[1]["over_sklearn"]

    track_cold_fit.unit = track_warm_fit.unit = "s"
    track_warm_import.unit = track_warm_over_sklearn.unit = "s"
