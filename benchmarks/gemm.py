"""Matrix products as a share of one core's multiply-add peak, compared with NumPy's BLAS.

    python -m benchmarks.gemm [--repeats 30] [--cold] [--json PATH]

One thread throughout; peak, fusednn and NumPy take turns within one run. Rates are medians over
the rounds. Shares are those of the medians and, in brackets, of the best rounds; the two differ on
a busy machine. An untimed product precedes each timed one, because earlier work has displaced the
operands from the near caches; `--cold` omits it. The process restarts without the variables that
force a BLAS to older kernels than the CPU's.
"""

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.report import begin, write


def _seconds(work, warm):
    if warm:
        work.call()
    start = time.perf_counter()
    work.call()
    return time.perf_counter() - start


def rates(shape, dtype, repeats, warm=True):
    """Measures the rates of one product.

    Parameters
    ----------
    shape : tuple of int
        M, K, N.
    dtype : str
    repeats : int
        Rounds.
    warm : bool
        Whether an untimed product of the same operands precedes each timed one.

    Returns
    -------
    dict
        Lists of GFLOP/s, one per round: "peak", "fusednn", "numpy".
    """
    from benchmarks.measuring.cases import blas_work, gemm_work
    from benchmarks.measuring.peak import fma_gflops

    works = {"fusednn": gemm_work(*shape, dtype), "numpy": blas_work(*shape, dtype)}
    for work in works.values():
        work.call()
    found = {"peak": [], "fusednn": [], "numpy": []}
    for _ in range(repeats):
        found["peak"].append(fma_gflops(1, dtype, seconds=0.02))
        for name, work in works.items():
            found[name].append(work.amount / _seconds(work, warm) / 1e9)
    return found


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=30, help="rounds")
    parser.add_argument("--json", type=Path, help="the file for every round's rates")
    parser.add_argument("--cold", action="store_true", help="read operands from far caches")
    options = parser.parse_args()
    restart_with(1)
    from benchmarks.measuring.cases import DTYPES, GEMM_SHAPES

    print(
        f"{'product':14}{'dtype':9}{'peak':>6}{'fusednn':>9}{'of peak':>12}"
        f"{'numpy':>8}{'of peak':>12}{'ours / numpy':>14}   GFLOP/s, one thread"
    )
    results = []
    for dtype in DTYPES:
        for name, shape in GEMM_SHAPES.items():
            found = rates(shape, dtype, options.repeats, not options.cold)
            middle = {who: statistics.median(rounds) for who, rounds in found.items()}
            best = {who: max(rounds) for who, rounds in found.items()}
            print(f"{name:14}{dtype:9}{middle['peak']:6.0f}", end="")
            for who, width in (("fusednn", 9), ("numpy", 8)):
                share = middle[who] / middle["peak"], best[who] / best["peak"]
                shares = f"{share[0]:.1%} ({share[1]:.0%})"
                print(f"{middle[who]:{width}.1f}{shares:>12}", end="")
            print(f"{middle['fusednn'] / middle['numpy']:14.2f}", flush=True)
            results.append({"product": name, "dtype": dtype, "gflops": found})
    write(options.json, begin(options, threads=1, results=results))


if __name__ == "__main__":
    main()
