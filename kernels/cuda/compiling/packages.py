"""The packages that compile for GPUs: found when asked for, and never before.

Numba's compiler for GPUs (numba-cuda) makes PTX, and cuda.core has NVIDIA's linker make machine
code of it. Neither needs a driver or a GPU.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import warnings
from types import SimpleNamespace
from typing import Any

import numpy

PACKAGES = {"numba_cuda": "numba-cuda", "cuda.core": "cuda-core", "cuda.bindings": "cuda-bindings"}
"""What is imported, and what it is installed by."""

DROPPED = "row_stack"
"""A name of NumPy that numba-cuda looks up, and that NumPy 2.5 has dropped; it is `vstack`."""

INSTALL = "pip install 'fusednn[cuda]'"
ON_CPU = "use device='cpu'"


def missing() -> list[str]:
    """The packages that are not installed, by the names that pip knows them by."""
    return [name for module, name in PACKAGES.items() if not _is_there(module)]


def refuse_missing() -> None:
    """Sees whether all packages are installed.

    Raises
    ------
    ImportError
        If one is missing.
    """
    absent = missing()
    if absent:
        raise ImportError(
            f"device='cuda' needs packages that are missing ({', '.join(absent)}): install them"
            f" by `{INSTALL}`, or {ON_CPU}."
        )


def _is_there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of the package that it is in
        return False


def versions() -> dict[str, str]:
    """Their versions, and those of what else the code depends on; each is in the cache's key."""
    found = {}
    for name in (*PACKAGES.values(), "numba", "llvmlite", "nvidia-nvvm", "nvidia-nvjitlink"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def require() -> Any:
    """The packages.

    Returns
    -------
    namespace
        `compiler`, `dispatcher`, `decorators`, `intrinsic` and `nvvm` of numba-cuda, and `core`,
        which is cuda.core.

    Raises
    ------
    ImportError
        If one is missing, or is not made for this NumPy.
    """
    refuse_missing()
    with for_this_numpy(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that NumPy will drop
        names = ("compiler", "dispatcher", "decorators", "extending", "cudadrv.nvvm")
        modules = [importlib.import_module(f"numba.cuda.{name}") for name in names]
        core = importlib.import_module("cuda.core")
    compiler, dispatcher, decorators, extending, nvvm = modules
    return SimpleNamespace(
        compiler=compiler,
        dispatcher=dispatcher,
        decorators=decorators,
        intrinsic=extending.intrinsic,
        nvvm=nvvm,
        core=core,
    )


@contextlib.contextmanager
def for_this_numpy():
    """Inside the `with` numba-cuda finds the name that it needs and NumPy 2.5 has dropped.

    Raises
    ------
    ImportError
        If it needs another that this NumPy does not have.
    """
    added = not hasattr(numpy, DROPPED)
    if added:
        setattr(numpy, DROPPED, numpy.vstack)
    try:
        yield
    except AttributeError as error:
        if "module 'numpy" not in str(error):
            raise
        raise ImportError(
            f"numba-cuda {versions()['numba-cuda']} does not work with NumPy {numpy.__version__}"
            f" ({error}): install an older NumPy (`pip install 'numpy<2.5'`), or {ON_CPU}."
        ) from None
    finally:
        if added:
            delattr(numpy, DROPPED)


def toolkit() -> tuple[int, int]:
    """The version of CUDA whose machine code the linker makes.

    Raises
    ------
    ImportError
        As `refuse_missing`, or if the linker is not there: the packages without their extras, as
        pip installs them by their own names, do not bring it.
    """
    refuse_missing()
    try:
        return importlib.import_module("cuda.bindings.nvjitlink").version()
    except (ImportError, RuntimeError):  # the latter lists all folders that were searched
        raise ImportError(
            f"device='cuda' needs NVIDIA's linker (nvJitLink), which is missing: install it by"
            f" `{INSTALL}`, or {ON_CPU}."
        ) from None


def check_driver(version: int) -> None:
    """Sees whether a driver runs the machine code.

    Parameters
    ----------
    version : int
        Of CUDA, as a driver gives it: 13000 for 13.0.

    Raises
    ------
    RuntimeError
        If the driver is of an older generation than the linker.
    """
    made = toolkit()
    if version // 1000 < made[0]:
        raise RuntimeError(
            f"the installed packages make code of CUDA {made[0]}.{made[1]}, but NVIDIA's driver"
            f" supports up to {version // 1000}.{version % 1000 // 10}: install a newer driver, or"
            f" {ON_CPU}."
        )
