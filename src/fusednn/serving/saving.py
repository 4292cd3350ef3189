"""The method that writes a predictor to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import FilePath


class Savable:
    """A base class of `Predictor` and `TabularPredictor`."""

    def save(self, path: FilePath, notes: dict[str, Any] | None = None) -> None:
        """Writes a file that `fusednn.load` reads: safetensors, with a plan in the header.

        An existing file is replaced once the new one is complete. Rounded weights are written in
        float32; `load` with the same `weights` gives the same predictor.

        Parameters
        ----------
        path : str, bytes or os.PathLike
        notes : dict, optional
            Values that JSON can express. The file's header stores them, and the loaded predictor
            has them as `notes`. None: the predictor's own notes.

        Raises
        ------
        ValueError
            If JSON cannot express `notes`, or a class is not a number, bool or string.
        OSError
            If the file cannot be written.
        """
        self._write(path, notes)

    def _write(self, path: FilePath, notes: dict[str, Any] | None) -> None:
        """Writes what is saved."""
        raise NotImplementedError
