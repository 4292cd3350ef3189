"""What a user is told where there is no GPU to be had: one sentence for each reason."""

from __future__ import annotations

from fusednn.kernels.cuda.packages import ON_CPU

DRIVER = 13000
"""The oldest CUDA that the driver must support, as it counts them: its own kernels are of this
one. Later drivers run them too; `packages.check_driver` knows what the installed packages need."""


def no_driver() -> RuntimeError:
    """The system has no driver."""
    return RuntimeError(
        f"device='cuda' needs NVIDIA's driver, which this machine does not have: {ON_CPU}."
    )


def no_gpu(reason: str) -> RuntimeError:
    """There is a driver, but no device that it gives."""
    return RuntimeError(f"device='cuda' found no GPU ({reason}): {ON_CPU}.")


def old_driver(version: int) -> RuntimeError:
    """The driver cannot load the kernels."""
    return RuntimeError(
        f"NVIDIA's driver supports CUDA {_in_words(version)}, but the kernels of fusednn need"
        f" {_in_words(DRIVER)}: install a newer driver, or {ON_CPU}."
    )


def old_gpu(name: str, capability: tuple[int, int], least: tuple[int, int]) -> RuntimeError:
    """The GPU lacks instructions."""
    have, need = (".".join(map(str, one)) for one in (capability, least))
    return RuntimeError(
        f"{name} has compute capability {have}, but the kernels of fusednn need {need}: {ON_CPU}."
    )


def forked() -> RuntimeError:
    """The process was forked from one that had used the GPU."""
    return RuntimeError(
        "A process that was forked after device='cuda' was used cannot use the GPU: start it"
        " otherwise (multiprocessing's 'spawn', or joblib's 'loky'), or give it device='cpu'."
    )


def no_memory(name: str, size: int, free: int, total: int) -> MemoryError:
    """The device has no room."""
    return MemoryError(
        f"{name} has {_megabytes(free)} of its {_megabytes(total)} free, but data, weights and a"
        f" batch need {_megabytes(size)} more: lower batch_size, give fewer samples, or {ON_CPU}."
    )


def no_kernel(op: str) -> NotImplementedError:
    """An op has no form for GPUs."""
    return NotImplementedError(
        f"The network needs {op!r}, which does not run on a GPU yet: {ON_CPU}."
    )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"


def _in_words(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
