"""What a user is told of the packages that compile for GPUs, and that nothing imports them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fusednn.kernels.cuda.compiling import packages
from oracles.parity import run_python

QUIET = """
import importlib, pkgutil, sys
import fusednn, fusednn.kernels.cuda
from fusednn.kernels.cuda.twins import every_twin
for found in pkgutil.walk_packages(fusednn.kernels.cuda.__path__, "fusednn.kernels.cuda."):
    importlib.import_module(found.name)
foreign = {"numba_cuda", "cuda", "numba.cuda", "nvidia"} & set(sys.modules)
print(sorted(foreign), len(every_twin()) > 30)
"""


def test_no_module_imports_a_package_of_cuda():
    assert run_python(QUIET, options=("-W", "error")).strip() == "[] True"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(packages, "_is_there", lambda module: module != "cuda.core")
    with pytest.raises(ImportError, match=r"missing \(cuda-core\): install .*fusednn\[cuda\]"):
        packages.require()


def test_a_package_within_a_missing_one_is_missing(monkeypatch):
    monkeypatch.setitem(packages.PACKAGES, "no_such_package.core", "no-such")
    assert "no-such" in packages.missing()


@pytest.mark.parametrize("error", [ImportError, RuntimeError])
def test_a_linker_that_is_missing(monkeypatch, error):
    """The packages are there, without NVIDIA's libraries."""

    def version():
        raise error("No such file: libnvJitLink.so*\n  listdir('/a'):\n    b")

    name = "cuda.bindings.nvjitlink"
    monkeypatch.setattr(packages, "missing", list)
    for parent in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, parent, SimpleNamespace())
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(version=version))
    told = r"linker \(nvJitLink\), which is missing: .* `pip .*`, or use device='cpu'\.$"
    with pytest.raises(ImportError, match=told):
        packages.check_driver(13000)


def test_a_name_that_numpy_dropped_is_there_meanwhile(monkeypatch):
    monkeypatch.setattr(packages, "DROPPED", "no_such_name")
    with packages.for_this_numpy():
        assert np.no_such_name is np.vstack
    assert not hasattr(np, "no_such_name")


def test_a_numpy_that_is_too_new(monkeypatch):
    monkeypatch.setattr(packages, "versions", lambda: {"numba-cuda": "0.1"})
    with (
        pytest.raises(ImportError, match=rf"numba-cuda 0.1 .* NumPy {np.__version__}.*numpy<2.5"),
        packages.for_this_numpy(),
    ):
        np.another_name_that_is_gone  # noqa: B018 - it raises what the package's import would
    with pytest.raises(AttributeError, match="'list'"), packages.for_this_numpy():
        [].no_such_attribute  # noqa: B018 - an error of another kind


def test_a_driver_of_an_older_generation(monkeypatch):
    monkeypatch.setattr(packages, "toolkit", lambda: (13, 5))
    packages.check_driver(13000)
    packages.check_driver(14010)
    with pytest.raises(RuntimeError, match=r"CUDA 13\.5, .* up to 12\.8: install a newer driver"):
        packages.check_driver(12080)
