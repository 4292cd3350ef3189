"""Sets equal conditions for all libraries (CPUs, threads, BLAS kernels), and records them."""

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FORCING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS")
"""Variables that force a BLAS library to older kernels than the CPU's; they are removed."""

COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
"""Variables that set a number of threads; XLA's CPU client reads the last one."""

PACKAGES = ("fusednn", "numba", "llvmlite", "numpy", "scikit-learn", "torch", "jax", "onnxruntime")


def restart_with(threads):
    """Restarts this Python with the variables that libraries read at import.

    Returns only in a process that has them; call it before libraries are imported. If the system
    supports it, the process is also bound to as many CPUs as it has threads.

    Parameters
    ----------
    threads : int
    """
    wanted = {name: value for name, value in os.environ.items() if name not in FORCING}
    wanted.update(dict.fromkeys(COUNTS, str(threads)))
    flags = [flag for flag in wanted.get("XLA_FLAGS", "").split() if "multi_thread" not in flag]
    flags.append(f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}")
    wanted["XLA_FLAGS"] = " ".join(flags)
    if hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, mine[:threads])
    if wanted != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def cpu_model():
    """The system's name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def installed(package):
    """The version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit():
    """The commit of this tree, followed by + if files differ from it; None without git."""
    root = Path(__file__).parent
    try:
        found = [
            subprocess.run(
                ["git", *command], cwd=root, capture_output=True, check=True, text=True
            ).stdout.strip()
            for command in (["rev-parse", "--short", "HEAD"], ["status", "--short", "-uno", ".."])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return found[0] + ("+" if found[1] else "")


def describe(**conditions):
    """Facts needed to compare a result with another.

    Returns
    -------
    dict
        CPU, number of CPUs, load, date, commit, versions, and the given conditions.
    """
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "commit": commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in PACKAGES},
        **conditions,
    }
