"""What a user is told where there is no GPU to be had: one sentence for each reason."""

from __future__ import annotations

from fusednn.graph.op_names import kind_of
from fusednn.kernels.cuda.compiling.packages import ON_CPU
from fusednn.plan.cuda.program import CudaProgram

from .device import Device

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


def failed(name: str, reason: Exception | str) -> RuntimeError:
    """A call of the driver failed, and so will all others."""
    return RuntimeError(
        f"{name} failed ({reason}). An estimator is as it was before. Most failures stop a process"
        f" from using the GPU: start another, or {ON_CPU}."
    )


def no_memory(name: str, size: int, free: int, total: int) -> MemoryError:
    """The device has no room."""
    return MemoryError(
        f"{name} has {_megabytes(free)} of its {_megabytes(total)} free, but weights, data and the"
        f" arrays of a batch need {_megabytes(size)} more: lower batch_size, or {ON_CPU}."
    )


ASKED_FOR_BY = {
    **dict.fromkeys(("csr_forward", "batch_columns", "update_csr_weights"), "X in CSR format"),
    **dict.fromkeys(("known_loss_gradient",), "missing_targets='ignore'"),
    **dict.fromkeys(
        ("update_mirrored", "update_tied", "update_tied_partials"), "Dense with tied weights"
    ),
    "augment": "augment",
    "update_positions": "PositionalEncoding",
    "update_runs": "a recurrence or convolution",
}
"""What users ask for, by ops that are no layer's, or not only because of the layer.

Updates of weights are no layer's: all layers of a kind of weights share them.
"""


def check_kernels(program: CudaProgram, device: Device) -> None:
    """Refuses a program with an op that a device does not have, before anything is compiled.

    Raises
    ------
    NotImplementedError
        If so; it names the layer, as far as that is known.
    """
    for kernel in program.kernels:
        if device.has(kernel):
            continue
        op = getattr(kernel.op, "py_func", kernel.op).__name__
        layer = program.layers.get(kernel)
        what = ASKED_FOR_BY.get(op) or (kind_of(layer) if layer else "a part of the network")
        raise NotImplementedError(f"{what} has no kernels for GPUs yet ({op}): {ON_CPU}.")


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"


def _in_words(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
