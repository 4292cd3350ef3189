"""The kernel cases under pytest-benchmark: `pytest benchmarks --benchmark-only`."""

from benchmarks.measuring.cases import CASES, DTYPES


def pytest_generate_tests(metafunc):
    """Every case in both element types. Does not import pytest, because asv reads this file."""
    metafunc.parametrize("case", CASES)
    metafunc.parametrize("dtype", DTYPES)


def test_kernel(benchmark, case, dtype):
    """Times the case; the rate of its best round is in the extra information."""
    work = CASES[case].prepare(dtype)
    work.call()  # compiles
    benchmark(work.call)
    if benchmark.stats is not None:
        benchmark.extra_info[CASES[case].unit] = work.amount / benchmark.stats["min"] / 1e9
