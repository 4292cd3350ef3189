"""How many processes the tests run in."""

import os
from pathlib import Path

import joblib
import pytest

MOST = 4
"""More would compile the same kernels at once."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the options
def pytest_cmdline_main(config):
    """Folders run in a process for each CPU, single modules in this one, unless -n says it."""
    options = config.option
    paths = [config.invocation_params.dir / one.partition("::")[0] for one in config.args]
    alone = options.usepdb or options.capture == "no" or not any(map(Path.is_dir, paths))
    if alone or options.numprocesses is not None or hasattr(config, "workerinput"):
        return
    workers = min(joblib.cpu_count(), MOST)
    if workers > 1:
        options.numprocesses, options.dist = workers, "worksteal"
        # threads of several BLAS would spin for the same CPUs: up to four times the seconds
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
