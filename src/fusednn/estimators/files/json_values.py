"""Writes values of parameters and attributes as JSON and tensors, and reads them; no pickle.

A JSON object has one of the tags of `_READERS`. Descriptions (classes of `layers`, `losses`,
`optimizers`, `schedules` and `augment`) and tokenizers are written by the names of their classes;
only these classes can be read.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import fields
from typing import Any

import numpy as np

from fusednn import augment, layers, losses, optimizers, schedules
from fusednn.serving.files import label_json
from fusednn.serving.files.fields import Refused, keyed, list_of, one_of, record, refuse, whole
from fusednn.serving.files.reading import TRAINING
from fusednn.serving.files.tensors import DTYPES, Tensors
from fusednn.text.plain_values import TOKENIZERS, tokenizer_of, values_of

OWN_NAMES: dict[type, str] = {layers.Scale: "ColumnScale"}
"""Names in files of classes whose own names are those of others: `augment.Scale` was first."""

DESCRIPTIONS: dict[str, type] = {
    OWN_NAMES.get(getattr(module, name), name): getattr(module, name)
    for module in (layers, losses, optimizers, schedules, augment)
    for name in module.__all__
    if isinstance(getattr(module, name), type)
    and name not in ("Layer", "Optimizer", "Schedule", "Augmentation")  # bases
}
_WITH_BIASES = (
    *("Conv1D", "Conv2D", "ConvTranspose1D", "ConvTranspose2D"),
    *("RNN", "LSTM", "GRU", "MultiHeadAttention"),
)
LATER: dict[str, dict[str, int]] = {
    "Dropout": {"per": 4, "schedule": 10},
    "Residual": {"shortcut": 4},
    **{key: {"schedule": 10} for key in ("AlphaDropout", "GaussianNoise")},
    **{key: {"decay_schedule": 10} for key in ("AdamW", "Lion")},
    **{key: {"bias_rate_factor": 10} for key in _WITH_BIASES},
    "Dense": {"bias_rate_factor": 10, "parametrization": 10},
}
"""Fields that a description did not always have, by its class, and the versions of the format that
introduced them. A file lacks those that have their default."""

SINCE = {"Output": 10, "CosLog": 10, "FlatCosine": 10}
"""The first versions of the format that have these descriptions, if not the first of all."""

TOKENIZERS_SINCE = 7
"""The first version of the format that can hold tokenizers."""

CURVE = 8
"""Lists of at least this many floats become tensors."""

_SCALARS = {
    np.dtype(kind).name: np.dtype(kind).type
    for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
} | {"str": np.str_}
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class Unwritable(TypeError):
    """A value of a type that files cannot hold."""


class Writer:
    """Converts values to JSON.

    Attributes
    ----------
    tensors : dict of str to ndarray
        The arrays that the JSON refers to by name.
    version : int
        The first version of the format that supports the JSON.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self.version = 1

    def write(self, value: Any, where: str) -> Any:
        """Converts a value to JSON; `where` is its name in messages, and the name of its tensor.

        Raises
        ------
        Unwritable
            If the value, or a value inside it, is of a type that files cannot hold.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind in (list, tuple):
            return self._sequence(value, where)
        if kind is dict:
            return {
                "dict": [
                    [self.write(key, f"{where}.key{at}"), self.write(part, f"{where}.value{at}")]
                    for at, (key, part) in enumerate(value.items())
                ]
            }
        if kind is np.ndarray:
            return self._array(value, where)
        if isinstance(value, np.generic):
            name = "str" if kind is np.str_ else value.dtype.name
            if _SCALARS.get(name) is kind:
                return {"numpy": name, "value": self.write(value.item(), where)}
        if kind is np.random.RandomState:
            return self._random(value, where)
        name = OWN_NAMES.get(kind, kind.__name__)
        if DESCRIPTIONS.get(name) is kind:
            self.version = max(self.version, SINCE.get(name, 1))
            return {"description": name, "fields": self._fields(value, where)}
        if TOKENIZERS.get(kind.__name__) is kind:
            self.version = max(self.version, TOKENIZERS_SINCE)
            return {"tokenizer": values_of(value)}
        raise Unwritable(f"{where}={reprlib.repr(value)}")

    def _fields(self, value: Any, where: str) -> dict[str, Any]:
        written, later = {}, LATER.get(type(value).__name__, {})
        for field in fields(value):
            part = getattr(value, field.name)
            if field.name in later:
                if part == field.default:
                    continue
                self.version = max(self.version, later[field.name])
            written[field.name] = self.write(part, f"{where}.{field.name}")
        return written

    def _sequence(self, value, where: str) -> Any:
        if type(value) is list and len(value) >= CURVE:
            for kind in (float, np.float64):
                if all(type(part) is kind for part in value):
                    name = self._tensor(np.array(value, float), where)
                    return {"floats": name, "scalars": kind is np.float64}
        parts = [self.write(part, f"{where}[{at}]") for at, part in enumerate(value)]
        return parts if type(value) is list else {"tuple": parts}

    def _array(self, value: np.ndarray, where: str) -> Any:
        if value.dtype.kind in "OU" and value.ndim == 1:
            try:
                return {"labels": label_json.written(value)}
            except TypeError:
                raise Unwritable(f"{where}={reprlib.repr(value)}") from None
        if value.dtype.newbyteorder("<") not in DTYPES.values():
            raise Unwritable(f"{where}={reprlib.repr(value)}")
        return {"array": self._tensor(value, where)}

    def _random(self, value: np.random.RandomState, where: str) -> Any:
        state: Any = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise Unwritable(f"{where}, a RandomState of {state['bit_generator']}")
        name = self._tensor(state["state"]["key"], where)
        gauss = self.write(float(state["gauss"]), where)
        found = {"key": name, "pos": int(state["state"]["pos"]), "gauss": gauss}
        return {"random_state": found | {"has_gauss": int(state["has_gauss"])}}

    def _tensor(self, array: np.ndarray, where: str) -> str:
        name = TRAINING + where
        self.tensors[name] = array
        return name


class Reader:
    """Converts JSON to values.

    Parameters
    ----------
    tensors : Tensors
        The tensors of the file.

    Attributes
    ----------
    used : set of str
        The names of the tensors that have been read.
    """

    def __init__(self, tensors: Tensors):
        self._tensors = tensors
        self.used: set[str] = set()

    def read(self, value: Any, where: str) -> Any:
        """Converts a JSON value; raises `Refused` if it is invalid."""
        if type(value) is list:
            return [self.read(part, f"{where}[{at}]") for at, part in enumerate(value)]
        if type(value) is not dict:
            return value
        tags = [tag for tag in _READERS if tag in value]
        if len(tags) != 1:
            raise refuse(where, f"an object with one of {', '.join(_READERS)}", value)
        keys, read = _READERS[tags[0]]
        return read(self, keyed(value, where, keys), where)

    def tensor(self, name: Any, where: str, dtype=None) -> np.ndarray:
        """Reads a tensor that only training needs; raises `Refused` if it was read before."""
        known = type(name) is str and name.startswith(TRAINING) and name in self._tensors.entries
        if not known or name in self.used:
            raise refuse(where, "the name of a tensor of its own", name)
        if dtype is not None and self._tensors.entries[name].dtype != dtype:
            raise Refused(f"tensor {name!r} must be {np.dtype(dtype).name}")
        self.used.add(name)
        return self._tensors.read(name)

    def _float(self, value, where):
        return _NOT_FINITE[one_of(_NOT_FINITE)(value["float"], where)]

    def _tuple(self, value, where):
        return tuple(self.read(list(list_of(_any)(value["tuple"], where)), where))

    def _dict(self, value, where):
        pairs = list_of(list_of(_any, 2, 2))(value["dict"], where)
        found = [tuple(self.read(list(pair), where)) for pair in pairs]
        try:
            made = dict(found)
        except TypeError:
            raise Refused(f"{where} has a key that cannot be one") from None
        if len(made) != len(found):
            raise Refused(f"{where} has a key twice")
        return made

    def _array(self, value, where):
        return self.tensor(value["array"], where)

    def _floats(self, value, where):
        array = self.tensor(value["floats"], where, np.float64)
        if array.ndim != 1 or type(value["scalars"]) is not bool:
            raise Refused(f"{where} must be a list of numbers")
        return list(array) if value["scalars"] else array.tolist()

    def _labels(self, value, where):
        return label_json.read(value["labels"], where)

    def _numpy(self, value, where):
        name = one_of(_SCALARS)(value["numpy"], where)
        item = self.read(value["value"], where)
        kinds = {"b": bool, "f": float, "U": str}
        if type(item) is not kinds.get(np.dtype(_SCALARS[name]).kind, int):
            raise refuse(where, f"a number of {name}", item)
        try:
            with np.errstate(over="ignore"):
                scalar = _SCALARS[name](item)
        except OverflowError:
            raise refuse(where, f"a number of {name}", item) from None
        if scalar.item() != item and item == item:
            raise refuse(where, f"a number of {name}", item)
        return scalar

    def _random(self, value, where):
        found = _RANDOM(value["random_state"], where)
        key = self.tensor(found["key"], where, np.uint32)
        gauss = self.read(found["gauss"], where)
        if key.shape != (624,) or not key.any() or type(gauss) is not float:
            raise Refused(f"{where} must be the state of a Mersenne Twister")
        random = np.random.RandomState(0)
        random.set_state(("MT19937", key, found["pos"], found["has_gauss"], gauss))
        return random

    def _description(self, value, where):
        name = one_of(DESCRIPTIONS)(value["description"], where)
        kind: Any = DESCRIPTIONS[name]
        given = value["fields"]
        later = [key for key in LATER.get(name, {}) if type(given) is dict and key not in given]
        names = [field.name for field in fields(kind) if field.name not in later]
        given = keyed(given, where, names)
        found = {key: self.read(part, f"{where}.{key}") for key, part in given.items()}
        try:
            return kind(*found.pop("shape", ()), **found)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise Refused(f"{where} must be a {name} that can be made") from None

    def _tokenizer(self, value, where):
        try:
            return tokenizer_of(value["tokenizer"])
        except ValueError as error:
            raise Refused(f"{where} must be a tokenizer: {error}") from None


def _any(value, where):
    return value


_RANDOM = record(
    {"key": _any, "pos": whole(0, 624), "gauss": _any, "has_gauss": whole(0, 1)},
)
_READERS = {
    "float": (("float",), Reader._float),
    "tuple": (("tuple",), Reader._tuple),
    "dict": (("dict",), Reader._dict),
    "array": (("array",), Reader._array),
    "floats": (("floats", "scalars"), Reader._floats),
    "labels": (("labels",), Reader._labels),
    "numpy": (("numpy", "value"), Reader._numpy),
    "random_state": (("random_state",), Reader._random),
    "description": (("description", "fields"), Reader._description),
    "tokenizer": (("tokenizer",), Reader._tokenizer),
}
"""For each tag: the keys of its object, and the method that reads it."""
