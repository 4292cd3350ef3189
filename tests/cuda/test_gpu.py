"""What runs a GPU, by a stand-in for NVIDIA's packages: its calls wait until they must run."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from fusednn.kernels.cuda.compiling import packages
from fusednn.kernels.cuda.twins import GRID, Twin
from fusednn.kernels.ops.products.dense import dense_forward
from running.opened_stand_in import opener
from running.stand_in_gpu import StandIn

from fusednn import MLPClassifier, freeze
from fusednn.plan.cuda.modes import ALONE, LAUNCHES, TOGETHER
from fusednn.training.cuda import gpu, loaded, opening, preparing
from fusednn.training.parts import staging

X = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def model(**given):
    return MLPClassifier((8,), batch_size=32, max_iter=3, random_state=0, tol=0.0, **given)


@pytest.fixture
def opened(monkeypatch):
    """Makes a stand-in the GPU that is opened."""
    return opener(monkeypatch)


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_samples_of_later_steps_are_gathered_while_steps_run(opened, monkeypatch):
    """In memory that nothing overwrites before it is copied."""
    expected, stand_in, ahead = model(mixup=0.2).fit(X, Y), StandIn(), []

    class Noted(staging.Staged):
        def gather(self, step):
            before = self._gathered[0]
            super().gather(step)
            if self._gathered[0] != before:
                ahead.append(any("_launch" in call.__qualname__ for call in stand_in.pending))

    monkeypatch.setattr(staging, "Staged", Noted)
    monkeypatch.setattr(staging, "ASKED_BYTES", 0)
    monkeypatch.setattr(staging, "STAGED_BYTES", 4096)
    monkeypatch.setattr(staging, "USED", 0.0)
    with opened(stand_in):
        found = model(mixup=0.2, device="cuda").fit(X, Y)
    assert found.loss_curve_ == expected.loss_curve_
    for one, other in zip(found.coefs_, expected.coefs_, strict=True):
        assert one.tobytes() == other.tobytes()
    assert sum(ahead) > 2 * (len(ahead) - sum(ahead)) > 0  # but the first part of each call
    assert (stand_in.used, stand_in.pinned, stand_in.streams) == (0, [], [])


def test_out_of_memory(opened):
    estimator = model(device="cuda")
    message = r"has 0\.0 MB of its 1\.0 MB free, but weights, data and the arrays of a batch need"
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
        pytest.raises(
            NotImplementedError, match=r"^Dense has no kernels for GPUs yet \(dense_forward\)"
        ),
    ):
        estimator.fit(X, Y)
    assert stand_in.used == 0
    assert not hasattr(estimator, "coefs_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_predictor_of_several_threads(opened):
    """Each that uses or drops it makes the GPU its own first; then its memory is given back."""
    stand_in, fitted, found = StandIn(), model().fit(X, Y), []
    with opened(stand_in):
        held = [freeze(fitted, device="cuda")]
        for use in (lambda: found.append(held[0].predict_proba(X)), held.clear):
            thread = threading.Thread(target=use)
            thread.start()
            thread.join()
        gc.collect()
    assert found[0].tobytes() == fitted.predict_proba(X).tobytes()
    assert (stand_in.used, stand_in.streams) == (0, [])


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("mode", [TOGETHER, ALONE])
def test_programs_are_launched_with_all_blocks_or_with_one(opened, monkeypatch, mode):
    """Blocks that wait for each other must run at once; shared memory beyond 48 KB is asked for.

    What a launch may not do, the stand-in refuses.
    """
    monkeypatch.setattr(preparing, "mode_of", lambda *given: mode)
    expected, stand_in = model().fit(X, Y), StandIn()
    with opened(stand_in):
        found = model(device="cuda").fit(X, Y)
    assert found.loss_curve_ == expected.loss_curve_
    shapes = {(one.grid, one.block, one.is_cooperative) for one in stand_in.launched}
    assert shapes == {(4, 256, True) if mode == TOGETHER else (1, 256, False)}
    sizes = {one.shmem_size for one in stand_in.launched}
    assert (max(sizes) > 48 << 10) == (mode == ALONE)
    assert stand_in.used == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_small_networks_run_by_one_block_unasked(opened):
    stand_in = StandIn()
    with opened(stand_in):
        model(device="cuda").fit(X, Y)
    assert {one.grid for one in stand_in.launched} == {1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_device_may_be_given_up_while_steps_are_captured(opened, monkeypatch):
    """As the garbage collector does with a predictor, wherever the thread is."""
    monkeypatch.setattr(preparing, "mode_of", lambda *given: LAUNCHES)
    stand_in = StandIn()
    launch, others = stand_in.core.launch, []

    def launch_and_collect(*given):
        while others:
            others.pop().close()
        launch(*given)

    stand_in.core.launch = launch_and_collect
    with opened(stand_in):
        others.append(opening.opened("cuda"))
        model(device="cuda").fit(X, Y)
    assert (stand_in.used, stand_in.streams, others) == (0, [], [])


def test_a_program_with_an_op_without_a_kernel(opened, monkeypatch):
    monkeypatch.setattr(preparing, "mode_of", lambda *given: ALONE)
    gpu.every_twin().missing = dense_forward
    with (
        opened(StandIn()),
        pytest.raises(NotImplementedError, match="Dense has no kernels for GPUs yet"),
    ):
        model(device="cuda").fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_gpu_whose_blocks_cannot_wait_for_each_other(opened):
    stand_in = StandIn(shared=0)
    with opened(stand_in):
        model(device="cuda").fit(X, Y)
    assert stand_in.launched == []


def test_blocks_and_scratch_follow_the_record():
    own = {"scratch_of": lambda record: record[0], "units": lambda record: record[1]}
    kernel = loaded.GpuKernel(None, Twin(dense_forward, GRID, **own), processors=2, item=4)
    record = np.array([100, 3])
    assert kernel.blocks(1, 2, record) == 2 * 3
    assert kernel.blocks(1, 20, record) == 2 * loaded.BLOCKS_EACH
    assert kernel.scratch(6, 0, record) == 6 * 100 * 4
