"""The benchmarks of GPUs, as far as they run without one."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fusednn.kernels.cuda.compiling import compiler, programs
from fusednn.kernels.cuda.compiling.compiler import Cubin
from fusednn.kernels.ops.products import dense
from running.host_device import HostDevice

from fusednn.plan.cuda import modes
from fusednn.plan.cuda.program import Kernel
from fusednn.plan.layout.forms import Panels
from fusednn.training.cuda import gpu, preparing
from fusednn.training.cuda.team import CudaTeam

sys.path.append(str(Path(__file__).parents[2]))  # where the benchmarks are

from benchmarks import compare_gpu, gpu_correct, gpu_modes, gpu_product
from benchmarks.measuring.gpu import prepared
from benchmarks.measuring.gpu.bits import Difference, ulps
from benchmarks.measuring.gpu.checks import every_check, opened_by
from benchmarks.measuring.gpu.networks import NAMES, Limits, data_of, network_of
from benchmarks.measuring.gpu.prepared import CAPABILITY, NotPreparedError, Prepared
from benchmarks.measuring.gpu.recorder import Recorder

CODE = Cubin("entry", b"machine code", 126, 0, 0, 1024, "grid", 0)
FORWARD, BACKWARD = Kernel(dense.dense_forward), Kernel(dense.dense_backward)
SINGLE = np.dtype(np.float32)


# -- differences -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", [1.0, -1.0, 0.0, 1e-30])
def test_ulps_are_steps_to_the_next_float(dtype, start):
    wanted = np.full(3, start, dtype)
    found = wanted.copy()
    for _ in range(3):
        found[1] = np.nextafter(found[1], dtype(-2))
    assert ulps(found, wanted) == 3
    assert ulps(wanted, wanted) == 0


def test_differences_in_words():
    difference = Difference()
    difference.add(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert difference.in_words() == "ok"
    difference.add(np.array([0.0, np.nan]), np.array([-0.0, -np.nan]))  # as of GPU and CPU
    assert difference.in_words() == "1 of 4 differ, 0 ulp"
    difference.add(np.array([1.0]), np.array([np.nan]))
    assert difference.in_words() == "2 of 5 differ, inf ulp"
    with pytest.raises(ValueError, match="float32, not"):
        difference.add(np.zeros(2, np.float32), np.zeros(2))


# -- prepared machine code ---------------------------------------------------------------------


def test_prepared_code_is_found_and_nothing_is_compiled(tmp_path):
    asked = []
    made = Prepared(tmp_path, lambda *kernel: asked.append(kernel) or CODE)
    assert made.compiled(FORWARD, SINGLE, CAPABILITY) == CODE
    assert made.compiled(FORWARD, SINGLE, CAPABILITY) == CODE
    assert len(asked) == 1
    assert "1 kernels and programs for sm_90" in made.in_words()
    assert "can be carried" in made.in_words()
    read = Prepared(tmp_path)
    assert read.compiled(FORWARD, SINGLE, CAPABILITY) == CODE
    for other in ((FORWARD, np.dtype(float), CAPABILITY), (BACKWARD, SINGLE, CAPABILITY)):
        with pytest.raises(NotPreparedError, match="is not in"):
            read.compiled(*other)


def test_prepared_programs_are_of_their_kernels_in_order_and_of_a_mode(tmp_path):
    made = Prepared(tmp_path, lambda *kernel: CODE, lambda *program: CODE)
    given = [FORWARD, BACKWARD], SINGLE, CAPABILITY
    assert made.program(*given, alone=True) == CODE
    read = Prepared(tmp_path)
    assert read.program(*given, alone=True) == CODE
    for other in (([BACKWARD, FORWARD], *given[1:], True), (*given, False)):
        with pytest.raises(NotPreparedError, match="is not in"):
            read.program(*other)


def test_code_of_other_sources_is_refused(tmp_path):
    with pytest.raises(NotPreparedError, match="has not been prepared"):
        Prepared(tmp_path)
    Prepared(tmp_path, lambda *kernel: CODE)
    state = tmp_path / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "sources": ["others"]}))
    with pytest.raises(NotPreparedError, match="from other sources"):
        Prepared(tmp_path)


def test_more_than_can_be_carried(tmp_path, monkeypatch):
    made = Prepared(tmp_path, lambda *kernel: CODE)
    monkeypatch.setattr(prepared, "MOST_BYTES", 1)
    assert "is more than 0 MiB" in made.in_words()


@pytest.mark.cuda
def test_a_prepared_benchmark_compiles_nothing(tmp_path, monkeypatch):
    """A run on the machine with the GPU asks for the kernels that were made before."""
    pytest.importorskip("numba_cuda")
    options = SimpleNamespace(networks=["small-32"], dtype="float32", threads=1, prepare=tmp_path)
    compare_gpu.prepare(options)

    def refuse(*arguments):
        raise AssertionError("a kernel is compiled")

    monkeypatch.setattr(compiler, "compile_op", refuse)
    monkeypatch.setattr(programs, "compile_program", refuse)
    read = Prepared(tmp_path)
    with opened_by(lambda: Recorder(read.compiled, read.program)):
        compare_gpu.fitted(network_of("small-32"), options, "cuda")
    assert any(name.startswith("alone-") for name in read.used)
    assert any(name.startswith("find_not_finite-") for name in read.used)


# -- the scripts -------------------------------------------------------------------------------


def check_of(name):
    return next(check for check in every_check() if check.key == name)


def test_checks_are_ops_networks_and_estimators():
    names = [check.key for check in every_check()]
    assert len(set(names)) == len(names)
    for name in ("op dense_forward", "network dense", "fit of a classifier"):
        assert {f"{name}, float32", f"{name}, float64"} <= set(names)


@pytest.mark.parametrize("name", ["op layer_norm_backward", "network dense", "fit by L-BFGS"])
def test_the_bits_of_a_check(name, capsys):
    """On a device with the CPU's kernels; a wrong bit is found."""
    check = check_of(f"{name}, float32")
    kept = {f"{check.key}: {key}": array for key, array in check.on_cpu().items()}
    assert gpu_correct.compare([check], HostDevice, kept) == 0
    key = next(iter(kept))
    kept[key] = np.nextafter(kept[key], np.inf, dtype=kept[key].dtype)
    assert gpu_correct.compare([check], HostDevice, kept) == 1
    printed = capsys.readouterr().out
    assert f"| {check.key} | ok |" in printed
    assert "differ, 1 ulp" in printed


def test_a_check_that_fails_is_named(capsys):
    def fail():
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    checks = [check_of("op layer_norm_backward, float32")] * 2
    assert gpu_correct.compare(checks, fail, None) == 1
    printed = capsys.readouterr().out
    assert "FAILED, RuntimeError: CUDA_ERROR_ILLEGAL_ADDRESS" in printed
    assert "runs nothing after this error" in printed


SCRIPTS = [(gpu_correct, "a"), (compare_gpu, "b"), (gpu_modes, "c")]


@pytest.mark.parametrize(("script", "name"), SCRIPTS)
def test_without_a_gpu_a_script_says_so(script, name, monkeypatch, capsys):
    def refuse(*arguments):
        raise RuntimeError("there is none.")

    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.setattr(gpu, "open_gpu", refuse)
    script.main()
    assert capsys.readouterr().out.startswith("This benchmark needs a GPU")


def test_words_that_no_check_has(monkeypatch):
    """Nothing compared would look as if all were right."""
    monkeypatch.setattr(sys, "argv", ["a", "--only", "nosuchop"])
    with pytest.raises(SystemExit, match="no check has one of these words in its name: nosuchop"):
        gpu_correct.main()


@pytest.mark.parametrize("passes", [2, 20])
def test_modes_are_timed(monkeypatch, capsys, passes):
    """On a device with the CPU's kernels; few passes suffice."""

    class Large(HostDevice):
        shared = 227 << 10

    monkeypatch.setattr(sys, "argv", ["a", "--passes", str(passes)])
    monkeypatch.setattr(gpu_modes, "ROWS", 64)
    monkeypatch.setattr(gpu_modes, "SHAPES", [((4,), 32)])
    monkeypatch.setattr(preparing, "mode_of", preparing.mode_of)  # which the script replaces
    with opened_by(Large):
        gpu_modes.main()
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| (4,) | 32 | ")
    assert row.count("|") == 7
    assert row.count("(chosen)") == 1


@pytest.mark.parametrize("part", ["forward", "backward", "update"])
def test_products_that_are_timed(part):
    program, _, _, out = gpu_product.Product(part, 48).launch()
    with CudaTeam(program, HostDevice) as team:
        team.run(0, 1)
        team.pull([out])
    random = np.random.default_rng(0)
    x, w = (random.standard_normal((48, 48), np.float32) for _ in range(2))
    if part == "update":  # at a rate of 0
        wanted = np.zeros_like(out)
        Panels(48, 48, np.float32).pack_transposed(wanted, w)
        np.testing.assert_array_equal(out, wanted)
    else:
        wanted = x @ (w if part == "forward" else w.T)
        np.testing.assert_allclose(out.reshape(48, 48), wanted, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_mode_is_timed_and_has_the_cpu_s_losses(monkeypatch, capsys):
    monkeypatch.setattr(gpu_modes, "SHAPES", (((8,), 32),))
    monkeypatch.setattr(gpu_modes, "ROWS", 64)
    monkeypatch.setattr(HostDevice, "shared", 1 << 20)
    monkeypatch.setattr(preparing, "mode_of", preparing.mode_of)  # which the script sets
    X = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    with opened_by(HostDevice):
        gpu_modes.compare(X, (X[:, 0] > 0).astype(int), 10)
    head, _, row = capsys.readouterr().out.splitlines()
    assert head.split(" | ")[-3:] == ["launches", "together", "alone |"]
    assert row.startswith("| (8,) | 32 |")
    assert row.endswith("(chosen) |")


def test_launches_of_a_step(monkeypatch):
    options = SimpleNamespace(dtype="float32", threads=1)
    assert compare_gpu.launches_of(network_of("small-32"), options) == 0  # it runs by itself
    monkeypatch.setattr(preparing, "mode_of", lambda *given: modes.LAUNCHES)
    assert 5 < compare_gpu.launches_of(network_of("small-32"), options) < 40


def test_every_network_has_data_and_operations():
    for name in NAMES:
        network = network_of(name)
        X, y = data_of(network, "float32")
        assert len(X) == len(y) >= network.batch
        assert network.flops > 0
        assert compare_gpu.flops_of_call(network, 1) > 0


def test_the_floor_of_a_step():
    found = Limits(flops=1e12, bytes=1e12, launch=2e-6).step(3e9, 1000, 976000, 10)
    assert found == pytest.approx({"products": 3000, "bytes": 1, "launches": 20})


def times_of(**medians):
    return {name: {"median": median, "best": median} for name, median in medians.items()}


def test_tables():
    small = {"network": "small", "flops": 10, "step_us": times_of(fusednn=4, cpu=2, torch=8)}
    large = {"network": "large", "flops": 1e9, "step_us": times_of(fusednn=4, cpu=200)}
    large["floors"] = {"products": 1.0, "bytes": 3.0}
    text = compare_gpu.table([large, small], "step_us", "network")
    assert "| large | 4.0 | 200.0 (50.00) | none | 3.0 (bytes) |" in text
    assert "| small | 4.0 | 2.0 (0.50) | 8.0 (2.00) |  |" in text
    lines = compare_gpu.choices([large, small], "step_us", "a step").splitlines()[2:]
    assert [line.split(" | ")[-1] for line in lines] == ["cpu |", "cuda |"]


def test_a_network_is_timed():
    """On a device with the CPU's kernels, beside the CPU."""
    options = SimpleNamespace(dtype="float32", threads=1, seconds=0.001, repeats=2)
    with opened_by(HostDevice):
        trained = compare_gpu.train("small-32", ["cpu"], options, Limits(1e12, 1e12, 1e-6))
        asked = compare_gpu.predict("small-32", options)
    assert trained["step_us"].keys() == {"fusednn", "cpu"} <= asked["call_us"].keys()
    assert trained["floors"]["launches"] == trained["launches"]
    for one, times in ((trained, "step_us"), (asked, "call_us")):
        assert min(found["best"] for found in one[times].values()) > 0
        assert compare_gpu.choices([one], times, "a step").count("\n") == 2
