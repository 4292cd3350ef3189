"""Models of tables: a network, and in its file's notes how a table becomes its inputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .encode import Encoding, Numbers, Words
from .errors import UserError
from .target import Target

if TYPE_CHECKING:
    from fusednn.serving.predictor import Predictor

KEY, VERSION = "table", 1


class Tabular(NamedTuple):
    """
    What a model's notes say of tables.

    Parameters
    ----------
    encoding : Encoding
    target : Target
    scale : tuple of float
        Mean and standard deviation of the target, which training divides by; 0 and 1 of classes.
        The network as it is saved puts out the target itself.
    """

    encoding: Encoding
    target: Target
    scale: tuple[float, float] = (0.0, 1.0)

    def to_notes(self) -> dict[str, Any]:
        """The notes, which are JSON."""
        encoding, target = self.encoding, self.target
        return {
            KEY: {
                "version": VERSION,
                "columns": list(encoding.columns),
                "header": encoding.header,
                "target": target.name,
                "labels": None if target.labels is None else list(target.labels),
                "whole": target.whole,
                "scale": list(self.scale),
                "inputs": [
                    {"name": part.name, "fill": part.fill}
                    if isinstance(part, Numbers)
                    else {"name": part.name, "categories": list(part.categories)}
                    for part in encoding.inputs
                ],
            }
        }

    @classmethod
    def from_notes(cls, notes: dict[str, Any], path: Path) -> Tabular:
        """
        What the notes of a file say.

        Raises
        ------
        UserError
            If they are not of `fusednn fit`.
        """
        found = notes.get(KEY)
        if found is None:
            raise UserError(
                f"{path} does not say how a table becomes its inputs: give a model made by"
                " `fusednn fit`"
            )
        try:
            if found["version"] != VERSION:
                raise UserError(f"{path} was made by a later fusednn: install that")
            return cls._read(found)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise UserError(
                f"{path} has damaged notes on its table: make it again by `fusednn fit`"
            ) from None

    @classmethod
    def _read(cls, found: dict[str, Any]) -> Tabular:
        columns = tuple(map(_text, found["columns"]))
        labels = None if found["labels"] is None else tuple(map(_text, found["labels"]))
        target = Target(_text(found["target"]), labels, bool(found["whole"]))
        if labels is not None and target.whole:
            target.classes  # noqa: B018 - refuses labels that are no numbers
        encoding = Encoding(
            columns, bool(found["header"]), target.name, tuple(map(_input, found["inputs"]))
        )
        mean, deviation = map(_finite, found["scale"])
        used = {part.name for part in encoding.inputs}
        if not used <= set(columns) - {target.name} or not used or deviation <= 0:
            raise ValueError
        return cls(encoding, target, (mean, deviation))


def open_model(path: Path, jobs: int | None = None) -> tuple[Predictor, Tabular]:
    """
    Load a model that `fusednn fit` has written.

    Parameters
    ----------
    path : Path
    jobs : int, default=None
        Threads.

    Returns
    -------
    Predictor, Tabular

    Raises
    ------
    UserError
        If there is no such file, or it is another.
    """
    predictor = opened(path, jobs)
    table = Tabular.from_notes(predictor.notes, path)
    classes = getattr(predictor, "classes_", None)
    outputs = None if table.target.labels is None else len(table.target.labels)
    if predictor.n_features_in_ != len(table.encoding.names) or outputs != (
        None if classes is None else len(classes)
    ):
        raise UserError(
            f"{path} has notes that do not fit its network: make it again by `fusednn fit`"
        )
    return predictor, table


def opened(path: Path, jobs: int | None = None) -> Predictor:
    """
    Load any model.

    Raises
    ------
    UserError
        If there is no such file, or it is another.
    """
    import fusednn

    try:
        return fusednn.load(path, n_jobs=jobs)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{error}") from None


def _input(found: dict[str, Any]) -> Numbers | Words:
    name = _text(found["name"])
    if "fill" in found:
        return Numbers(name, _finite(found["fill"]))
    categories = tuple(None if word is None else _text(word) for word in found["categories"])
    if not categories or len(set(categories)) < len(categories):
        raise ValueError
    return Words(name, categories)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError
    return float(value)
