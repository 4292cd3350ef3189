"""What runs a GPU, by a stand-in for NVIDIA's packages: its calls wait until they must run."""

import os
import subprocess
import sys

import numpy as np
import pytest
from fusednn.kernels.cuda import packages
from fusednn.kernels.cuda.twins import BLOCK, Twin
from fusednn.kernels.ops.products.dense import dense_forward
from running.host_device import opened_as_cuda
from running.stand_in_gpu import StandIn

from fusednn import MLPClassifier
from fusednn.training.cuda import gpu

X = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def model(**given):
    return MLPClassifier((8,), batch_size=32, max_iter=3, random_state=0, tol=0.0, **given)


class Twins(dict):
    """Every op has a twin but the one that is missing."""

    missing = None

    def get(self, op):
        return None if op is self.missing else Twin(op, BLOCK, 10_000)


@pytest.fixture
def opened(monkeypatch):
    """Makes a stand-in the GPU that is opened."""
    monkeypatch.setattr(gpu, "_used_by", None)
    monkeypatch.setattr(gpu, "_loaded", {})
    monkeypatch.setattr(packages, "toolkit", lambda: (13, 0))
    twins = Twins()
    monkeypatch.setattr(gpu, "every_twin", lambda: twins)

    def as_cuda(one):
        monkeypatch.setattr(gpu, "_packages", one.packages)
        return opened_as_cuda(lambda: gpu.open_gpu(one.compiled))

    return as_cuda


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("staged", [1 << 20, 4096, 64])
def test_fits_have_the_bits_of_the_cpu(opened, monkeypatch, staged):
    """Uploads go through memory of `staged` bytes, or do not fit there."""
    monkeypatch.setattr(gpu, "STAGED_BYTES", staged)
    expected, stand_in = model(early_stopping=True).fit(X, Y), StandIn()
    with opened(stand_in):
        found = model(early_stopping=True, device="cuda").fit(X, Y)
        answers = found.predict_proba(X)
    assert found.loss_curve_ == expected.loss_curve_
    assert found.validation_scores_ == expected.validation_scores_
    for one, other in zip(found.coefs_, expected.coefs_, strict=True):
        assert one.tobytes() == other.tobytes()
    assert answers.tobytes() == expected.predict_proba(X).tobytes()
    assert (stand_in.used, stand_in.pending, stand_in.streams) == (0, [], [])


def test_out_of_memory(opened):
    estimator = model(device="cuda")
    message = r"has 0\.0 MB of its 1\.0 MB free, but data, weights and a batch need .* MB more"
    with opened(StandIn(room=gpu.STAGED_BYTES)), pytest.raises(MemoryError, match=message):
        estimator.fit(X, Y)
    assert not hasattr(estimator, "coefs_")


@pytest.mark.parametrize(
    ("stand_in", "message"),
    [
        (StandIn(devices=0), r"found no GPU \(CUDA_ERROR_NO_DEVICE\): use device='cpu'"),
        (StandIn(version=12040), r"supports CUDA 12\.4, but the kernels of fusednn need 13\.0"),
        (StandIn(capability=(7, 5)), r"a stand-in has compute capability 7\.5, but .* need 8\.0"),
    ],
)
def test_what_is_too_old_or_missing(opened, stand_in, message):
    with opened(stand_in), pytest.raises(RuntimeError, match=message):
        model(device="cuda").fit(X, Y)


def test_packages_of_a_newer_generation_than_the_driver(opened, monkeypatch):
    monkeypatch.setattr(packages, "toolkit", lambda: (14, 1))
    with opened(StandIn()), pytest.raises(RuntimeError, match=r"CUDA 14\.1, .* up to 13\.0"):
        model(device="cuda").fit(X, Y)


def test_a_driver_that_is_not_there(opened):
    def missing(flags):
        raise LookupError("no libcuda.so")

    stand_in = StandIn()
    stand_in.driver.cuInit = missing
    with opened(stand_in), pytest.raises(RuntimeError, match="which this machine does not have"):
        model(device="cuda").fit(X, Y)


def test_packages_that_are_missing(monkeypatch):
    monkeypatch.setattr(gpu, "_used_by", None)
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    monkeypatch.setitem(sys.modules, "cuda", None)
    with pytest.raises(ImportError, match=r"pip install 'fusednn\[cuda\]'"):
        gpu.open_gpu(StandIn().compiled)


def test_an_op_without_a_kernel(opened):
    stand_in, estimator = StandIn(), model(device="cuda")
    gpu.every_twin().missing = dense_forward
    with (
        opened(stand_in),
        pytest.raises(NotImplementedError, match="'dense_forward', which does not run on a GPU"),
    ):
        estimator.fit(X, Y)
    assert stand_in.used == 0
    assert not hasattr(estimator, "coefs_")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_forks_after_use(opened, monkeypatch):
    with opened(StandIn()):
        with pytest.warns(UserWarning, match="Maximum iterations"):
            model(device="cuda").fit(X, Y)
        monkeypatch.setattr(gpu, "_used_by", gpu._used_by + 1)  # as in a child of that process
        with pytest.raises(RuntimeError, match="forked after device='cuda' was used"):
            model(device="cuda").fit(X, Y)


def test_nothing_of_cuda_is_imported_unasked():
    """Nor are the modules that run it, by a fit on the CPU."""
    code = (
        "import sys, numpy as np, warnings; from fusednn import MLPClassifier\n"
        "warnings.simplefilter('ignore')\n"
        "X = np.arange(40.0).reshape(20, 2)\n"
        "for device in ('cpu', 'auto'):\n"
        "    MLPClassifier((2,), max_iter=1, device=device).fit(X, X[:, 0] > 9).predict(X)\n"
        "print([name for name in sys.modules if 'cuda' in name and 'numba' not in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
