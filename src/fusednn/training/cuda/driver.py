"""Which of NVIDIA's drivers run the kernels."""

from __future__ import annotations

from typing import Any

from fusednn.kernels.cuda.compiling import packages

from . import refusals


def check_driver(driver: Any) -> None:
    """Sees whether there is a driver that runs the kernels, and a GPU.

    Parameters
    ----------
    driver : module
        cuda.bindings.driver.

    Raises
    ------
    RuntimeError
        If not.
    """
    try:
        status, *_ = driver.cuInit(0)
    except Exception:  # cuda.pathfinder's own class: the library is not there
        raise refusals.no_driver() from None
    if status != driver.CUresult.CUDA_SUCCESS:
        raise refusals.no_gpu(status.name)
    _, version = driver.cuDriverGetVersion()
    if version < refusals.DRIVER:
        raise refusals.old_driver(version)
    packages.check_driver(version)
    status, count = driver.cuDeviceGetCount()
    if not count:
        raise refusals.no_gpu("the driver has no device")
