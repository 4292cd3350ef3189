"""What a device refuses, as an error that the user can fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fusednn.command.terminal.errors import UserError


@contextmanager
def refusals(device: str) -> Iterator[None]:
    """
    Report what a device refuses by the command's option.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
        Errors of other devices than "cuda" pass: "auto" trains on the CPU where there is no GPU.

    Raises
    ------
    UserError
        If it cannot be used, has no kernels for the network, or too little memory.
    """
    try:
        yield
    except (ImportError, RuntimeError, MemoryError) as error:
        if device != "cuda":
            raise
        told = str(error).replace("device='cpu'", "--device cpu")
        raise UserError(told.replace("device='cuda'", "--device cuda")) from None


def check_usable(device: str | None) -> None:
    """
    Refuse a device that cannot be used, before a long table or text is read.

    Parameters
    ----------
    device : str or None

    Raises
    ------
    UserError
        If so.
    """
    if device == "cuda":
        from fusednn.training.teams import open_device

        with refusals(device):
            open_device(device).close()
