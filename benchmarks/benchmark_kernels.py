"""asv: time and rate of the kernel cases in `cases`; one thread."""

import statistics
import time

from benchmarks.measuring.cases import CASES, DTYPES

ROUNDS = 20


def _names(unit):
    return tuple(name for name, case in CASES.items() if case.unit == unit)


def measured_rates(names):
    """The cases' rates in both types, in 1e9 of their unit per second; medians over calls."""
    rates = {}
    for name in names:
        for dtype in DTYPES:
            work = CASES[name].prepare(dtype)
            work.call()  # compiles
            seconds = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                work.call()
                seconds.append(time.perf_counter() - start)
            rates[name, dtype] = work.amount / statistics.median(seconds) / 1e9
    return rates


class Kernels:
    """The time of a call, which repeats the kernel for at least a millisecond."""

    params = (tuple(CASES), DTYPES)
    param_names = ("case", "dtype")

    def setup(self, case, dtype):
        self.work = CASES[case].prepare(dtype)
        self.work.call()  # compiles

    def time_call(self, case, dtype):
        self.work.call()


class _Rates:
    """Rates of a class, measured in one process, so that shared code is compiled once."""

    param_names = ("case", "dtype")

    def track_rate(self, rates, case, dtype):
        return rates[case, dtype]


class Products(_Rates):
    """Matrix products of fusednn and NumPy."""

    params = (_names("GFLOP/s"), DTYPES)
    unit = "GFLOP/s"

    def setup_cache(self):
        return measured_rates(self.params[0])

    setup_cache.timeout = 300


class Passes(_Rates):
    """Kernels that make a pass over arrays: activations, losses, optimizers, gathers."""

    params = (_names("GB/s"), DTYPES)
    unit = "GB/s"

    def setup_cache(self):
        return measured_rates(self.params[0])

    setup_cache.timeout = 300
