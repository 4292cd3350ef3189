"""Kernels that live in their callers only: callable from compiled code, and from Python too."""

import subprocess
import sys

import numba
import numpy as np
import pytest
from fusednn.kernels import exp, tanh
from fusednn.kernels._jit import JIT, kernel
from fusednn.kernels._linked import Linked

pytestmark = pytest.mark.skipif(not JIT, reason="nothing is compiled")


@kernel
def twice(x):
    """Twice its argument."""
    return x + x


def four_times(x):
    return twice(twice(x))


@pytest.mark.parametrize("x", [3, 2.5, np.float32(0.5)])
def test_from_python(x):
    assert isinstance(twice, Linked)
    assert twice(x) == 2 * x
    assert type(twice(x)) is type(numba.njit(twice.py_func)(x))
    assert twice.__doc__ == "Twice its argument."


def test_from_compiled_code():
    for wrap in (numba.njit, numba.njit(fastmath=True)):
        assert wrap(four_times)(1.5) == 6.0
    assert numba.cfunc("float64(float64)")(four_times).ctypes(1.5) == 6.0
    assert numba.vectorize(["float64(float64)"])(four_times)(np.ones(3)).tolist() == [4.0] * 3


def test_no_machine_code_of_its_own():
    @kernel
    def three_times(x):
        return x + twice(x)

    outer = numba.njit(lambda x: three_times(x) + 1.0)
    assert outer(2.0) == 7.0
    (result,) = three_times.overloads.values()
    assert not result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
    assert "three_times" not in "".join(
        line for line in outer.inspect_asm(outer.signatures[0]).splitlines() if "call" in line
    )


def test_errors_name_the_types():
    for call in (twice, numba.njit(four_times)):
        with pytest.raises(numba.TypingError, match="none"):
            call(None)


USER = """
import numba
import numpy as np
from fusednn.kernels import exp, tanh

@numba.njit(cache=True, parallel=True)
def total(x):
    found = 0.0
    for i in numba.prange(x.size):
        found += exp(-x[i]) + tanh(x[i])
    return found

print(total(np.arange(5.0)), sum(total.stats.cache_hits.values()))
"""


def test_in_cached_functions_of_a_user(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "user.py").write_text(USER)
    expected = sum(exp(-x) + tanh(x) for x in np.arange(5.0))
    for hits in (0, 1):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "user.py")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        value, found = done.stdout.split()
        assert float(value) == pytest.approx(expected, rel=1e-14)
        assert int(found) == hits
