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
    options, invoked = config.option, config.invocation_params
    if getattr(options, "numprocesses", 0) is not None or hasattr(config, "workerinput"):
        return  # -n says it, or pytest-xdist is not there
    paths = [invoked.dir / one.partition("::")[0] for one in config.args]
    watched = options.usepdb or options.trace or options.capture == "no"
    alone = options.dist == "no" and any(str(one).startswith("--dist") for one in invoked.args)
    workers = min(joblib.cpu_count(), MOST)
    if workers > 1 and any(map(Path.is_dir, paths)) and not watched and not alone:
        options.numprocesses = workers
        if options.dist == "no":
            options.dist = "worksteal"
        # threads of several BLAS would spin for the same CPUs: up to four times the seconds
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
