"""Prints what a bug report needs: versions, CPU, threads and cache."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "fusednn",
    "numba",
    "llvmlite",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
)
GPU_PACKAGES = "numba-cuda", "cuda-core", "cuda-bindings", "nvidia-nvvm", "nvidia-nvjitlink"
DRIVER = Path("/proc/driver/nvidia/version")
FEATURES = ("avx512f", "avx2", "fma", "neon")
PREFIXES = ("FUSEDNN_", "NUMBA_", "CUDA_")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def show_versions() -> None:
    """Prints what a bug report should say about the machine and the installed packages.

    Prints the versions of packages, the CPU and its features, the micro-kernel for it, NVIDIA's
    packages and driver, threads, the cache of compiled kernels, and environment variables. It
    compiles nothing, does not import scikit-learn and leaves GPUs alone.

    Examples
    --------
    >>> from fusednn import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    System:
                python: ...
    <BLANKLINE>
    Python dependencies:
               fusednn: ...
                 numba: ...
    """
    sections = {
        "System": _system(),
        "Python dependencies": {name: _version(name) for name in PACKAGES},
        "CPU": _cpu(),
        "NVIDIA's GPUs": _gpus(),
        "Threads": _threads(),
        "Cache of compiled kernels": _cache(),
        "Environment": _environment(),
    }
    for title, entries in sections.items():
        print(f"\n{title}:")
        for name, value in entries.items():
            print(f"{name:>18}: {value}")


def _system() -> dict[str, str]:
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "platform": platform.platform(),
        "GIL": "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu() -> dict[str, str]:
    import llvmlite.binding as llvm
    from numba.core import config

    from fusednn.kernels.intrinsics.shapes import SHAPE, host_features

    features = host_features()
    tiles = [
        f"{SHAPE.rows} x {SHAPE.panel(size)} {name}"
        for name, size in (("float32", 4), ("float64", 8))
    ]
    return {
        "model": _model_name(),
        "LLVM's name": getattr(config, "CPU_NAME", None) or llvm.get_host_cpu_name(),
        "features": " ".join(name for name in FEATURES if name in features) or "none of note",
        "micro-kernel": f"{SHAPE.name}, tile {' or '.join(tiles)}",
    }


def _gpus() -> dict[str, str]:
    """What device="cuda" needs; a call of the driver would keep forks of this process from it."""
    try:
        driver = " ".join(DRIVER.read_text().splitlines()[0].partition(":")[2].split())
    except (OSError, IndexError):
        driver = "none found"
    return {**{name: _version(name) for name in GPU_PACKAGES}, "driver": driver}


def _model_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _threads() -> dict[str, str]:
    from fusednn.training.threads.jobs import available_cpus, choose_jobs

    cpus = available_cpus()
    most = choose_jobs(None, float("1e18"))
    return {
        "CPUs": f"{cpus} usable of {os.cpu_count()}",
        "n_jobs=None": f"1 to {most}, by the size of the network and the batch",
    }


def _cache() -> dict[str, str]:
    from fusednn.kernels._cache import cache_directory, statistics

    directory = cache_directory()
    files = sorted(Path(directory).glob("*.kernel")) if directory else []
    size = sum(file.stat().st_size for file in files)
    return {
        "directory": directory or "none that only you can write to; set FUSEDNN_CACHE_DIR",
        "on disk": f"{len(files)} kernels, {size / 1e6:.1f} MB",
        "this process": ", ".join(f"{name} {count}" for name, count in statistics().items()),
    }


def _environment() -> dict[str, str]:
    names = [
        name
        for name in sorted(os.environ)
        if name.startswith(PREFIXES) or name in THREAD_VARIABLES
    ]
    return {name: os.environ[name] for name in names} or {"variables": "none of note"}
