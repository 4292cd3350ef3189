"""The same bits whatever kernels BLAS takes and whatever instructions NumPy finds."""

import json
import os
import platform
import warnings
from pathlib import Path

import digests
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from oracles.parity import run_python

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="names kernels of x86-64"
)
DIGESTS = Path(digests.__file__).read_text()
FEATURES = " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))
KERNELS = {  # and what a CPU must have for each
    "Prescott": "SSE3",
    "Nehalem": "SSE42",
    "Sandybridge": "AVX",
    "Haswell": "AVX2",
    "SkylakeX": "AVX512_SKX",
}
VARIABLES = "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"


def under(**variables):
    """What `digests.py` prints in a process with these variables."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return json.loads(run_python(DIGESTS, env={**kept, **variables}))


@pytest.fixture(scope="module")
def here():
    """The same in this process."""
    with warnings.catch_warnings():
        return digests.everything()


def test_an_old_cpu(here):
    """The oldest kernels of BLAS, and NumPy with nothing that a CPU may lack."""
    old = under(OPENBLAS_CORETYPE="Prescott", NPY_DISABLE_CPU_FEATURES=FEATURES)
    others = {
        "product": old["kernels"] != here["kernels"],  # not so in a BLAS with one kernel
        "function": FEATURES != "",
    }
    for name, differs in others.items():  # what must not be relied on does change
        assert (old[name] != here[name]) == differs
    if not any(others.values()):
        pytest.skip("nothing to choose from: neither BLAS nor NumPy")
    assert old["found"] == here["found"]


@pytest.mark.long
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_of_blas(here, kernel):
    if not __cpu_features__.get(KERNELS[kernel]):
        pytest.skip("this CPU cannot run it")
    assert under(OPENBLAS_CORETYPE=kernel)["found"] == here["found"]


@pytest.mark.long
@pytest.mark.parametrize("feature", FEATURES.split())
def test_numpy_without_a_feature(here, feature):
    assert under(NPY_DISABLE_CPU_FEATURES=feature)["found"] == here["found"]
