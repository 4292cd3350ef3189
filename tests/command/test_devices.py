"""What `--device cuda` refuses: one line and exit code 2, in the words of the command."""

import sys

import numpy as np
import pytest
from cases.shop_tables import refused, run
from running.host_device import HostDevice, opened_as_cuda

from fusednn.command.training.devices import refusals


class Without(HostDevice):
    """A device that has no op."""

    def has(self, kernel):
        return False


@pytest.fixture
def files(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(80, 3))
    rows = [",".join(map(str, row)) for row in numbers.round(3)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c", *rows]))
    (tmp_path / "t.txt").write_text("the cat sat on the mat. " * 60)
    return tmp_path


def commands(folder):
    """All that train on a device."""
    fit = "fit", folder / "t.csv", "--target", "c", "--device", "cuda"
    plain, preset = (*fit, "--layers", "4"), (*fit, "--preset", "fast")
    text = "fit-text", folder / "t.txt", "--steps", "2", "--width", "8", "--device", "cuda"
    return [(*one, "-o", folder / "m") for one in (plain, preset, text)]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Without, "has no kernels for GPUs yet (enter_step): use --device cpu."),
        (lambda: HostDevice(100), "100 free"),
    ],
    ids=["kernels", "memory"],
)
def test_what_a_device_refuses(files, capsys, make, told):
    for command in commands(files):
        with opened_as_cuda(make):
            assert told in refused(capsys, *command)
        assert not (files / "m").exists()


def test_packages_that_are_missing(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    for command in commands(files):
        assert run(*command) == 2
        told = capsys.readouterr()
        assert "--device cuda needs packages that are missing" in told.err
        assert "pip install 'fusednn[cuda]'" in told.err
        assert (told.err.count("\n"), told.out) == (1, "")  # nothing was read


def test_a_device_trains(files):
    for command in commands(files):
        with opened_as_cuda() as devices:
            assert run(*command) == 0
        assert sum(device.replayed for device in devices) > 0


def test_the_default_preset_has_a_device(files, capsys):
    """Other options that presets share with the plain network do not choose it either."""
    command = "fit", files / "t.csv", "--target", "c", "--device", "cuda", "--max-time", "1"
    with opened_as_cuda() as devices:
        assert run(*command, "-o", files / "m") == 0
    assert sum(device.replayed for device in devices) > 0
    assert "preset default" in capsys.readouterr().out


def test_memory_of_the_cpu_that_runs_out_is_no_refusal_of_a_device():
    for device in ("cpu", "auto"):
        with pytest.raises(MemoryError), refusals(device):
            raise MemoryError


def test_a_model_of_a_device_is_trained_further_without_one(files, capsys):
    """The option alone chooses the device: the machine may be another."""
    fit = "fit", files / "t.csv", "--epochs", "2"
    with opened_as_cuda():
        run(*fit, "--target", "c", "--layers", "4", "--device", "cuda", "-o", files / "m")
    with opened_as_cuda() as devices:
        assert run(*fit, "--continue", files / "m", "-o", files / "n") == 0
        assert not devices
        assert run(*fit, "--continue", files / "m", "--device", "cuda", "-o", files / "o") == 0
        assert devices
    assert "wrote" in capsys.readouterr().out
