"""asv: the kernel cases of `cases`, their time and their rate; one thread."""

import statistics
import time

from .cases import CASES, DTYPES

ROUNDS = 20


def _names(unit):
    return tuple(name for name, case in CASES.items() if case.unit == unit)


def measured_rates():
    """Every case's rate in both types, in thousand millions of its unit: medians of calls."""
    rates = {}
    for name, case in CASES.items():
        for dtype in DTYPES:
            work = case.prepare(dtype)
            work.call()  # compiles
            seconds = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                work.call()
                seconds.append(time.perf_counter() - start)
            rates[name, dtype] = work.amount / statistics.median(seconds) / 1e9
    return rates


class Kernels:
    """The time of a call, which repeats the kernel for a millisecond or more."""

    params = (tuple(CASES), DTYPES)
    param_names = ("case", "dtype")

    def setup(self, case, dtype):
        self.work = CASES[case].prepare(dtype)
        self.work.call()  # compiles

    def time_call(self, case, dtype):
        self.work.call()


class _Rates:
    """All are measured in one process, which compiles what the cases share once."""

    param_names = ("case", "dtype")

    def setup_cache(self):
        return measured_rates()

    def track_rate(self, rates, case, dtype):
        return rates[case, dtype]

    setup_cache.timeout = 300


class Products(_Rates):
    """Matrix products, NumPy's beside ours."""

    params = (_names("GFLOP/s"), DTYPES)
    unit = "GFLOP/s"


class Passes(_Rates):
    """Kernels that go over arrays: activations, losses, optimizers, gathers."""

    params = (_names("GB/s"), DTYPES)
    unit = "GB/s"
