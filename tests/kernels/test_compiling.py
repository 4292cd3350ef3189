"""Addresses of kernels: compiled with the garbage collector at rest."""

import gc

import numpy as np
import pytest
from fusednn.kernels import library
from fusednn.kernels._jit import JIT, kernel
from numba.core.ccallback import CFunc

pytestmark = pytest.mark.skipif(not JIT, reason="the JIT is off")


@pytest.fixture
def collector():
    """As the tests had it afterwards."""
    ran = gc.isenabled()
    yield
    (gc.enable if ran else gc.disable)()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_the_collector_rests_and_is_left_as_it_was(runs, fails, monkeypatch):
    @kernel
    def nothing(record, frame, scratch, lo, hi):
        return 0

    seen, compiles = [], CFunc.compile

    def compiling(native):
        seen.append(gc.isenabled())
        if fails:
            raise MemoryError
        compiles(native)

    monkeypatch.setattr(CFunc, "compile", compiling)
    (gc.enable if runs else gc.disable)()
    if fails:
        with pytest.raises(MemoryError):
            library.address(nothing, "op", np.float32)
    else:
        assert library.address(nothing, "op", np.float32) > 0
    assert seen == [False]
    assert gc.isenabled() == runs
