"""The entries of a `state_dict` of PyTorch: keys matched to modules, and values that fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from fusednn.estimators.network.torch_modules import COUNTER, NORMED, Entry, Module

OF_RECURRENCES = re.compile("((?:weight|bias)_[ih]h)_l([0-9]+)((?:_reverse)?)")
"""Names of the parameters of `torch.nn.LSTM` and its kin, which may have several layers."""

OLD_NAMES = {"weight_g": NORMED[0], "weight_v": NORMED[1]}
"""The names that `torch.nn.utils.weight_norm` gives."""


class HasState(Protocol):
    """A PyTorch module, or what has a `state_dict` like it."""

    def state_dict(self) -> Mapping[str, Any]: ...


def state_of(given: Any) -> Mapping[str, Any]:
    """The mapping itself, or the `state_dict` of a module."""
    if callable(getattr(given, "state_dict", None)):
        given = given.state_dict()
    if not isinstance(given, Mapping):
        raise TypeError(
            "expected the state_dict of a PyTorch module, or the module, got"
            f" {type(given).__name__}."
        )
    return given


def keys_of(module: Module) -> list[str]:
    names = [entry.name for entry in module.entries]
    return [f"{module.prefix}.{name}" for name in (*names, *[COUNTER] * module.counts)]


def _parted(key: str) -> tuple[str, str]:
    """The module's part of a key, and the parameter's name."""
    for name in NORMED:
        if key == name or key.endswith(f".{name}"):
            return key.removesuffix(name).removesuffix("."), name
    prefix, _, name = key.rpartition(".")
    recurrent = OF_RECURRENCES.fullmatch(name)
    if recurrent:
        kind, layer, way = recurrent.groups()
        return f"{prefix}.{layer}", f"{kind}_l0{way}"
    return prefix, OLD_NAMES.get(name, name)


def matched_to(
    modules: list[Module], keys: Iterable[str]
) -> Iterator[tuple[Module, Entry | str, str]]:
    """Each key with its module, and its entry or COUNTER; raises ValueError where one is amiss."""
    groups: dict[str, dict[str, str]] = {}
    for key in keys:
        prefix, name = _parted(key)
        groups.setdefault(prefix, {})[name] = key
    left = iter(groups.items())
    for module in modules:
        _, given = next(left, ("", {}))
        if module.tied and not given:
            continue
        for entry in module.entries:
            if entry.name not in given:
                received = ", ".join(given.values()) or "nothing"
                raise ValueError(
                    f"{module.place} expected {entry.name!r} of shape {entry.elements.shape}, and"
                    f" received {received}."
                )
        entries = {entry.name: entry for entry in module.entries}
        counter = {COUNTER: COUNTER} if module.counts else {}
        for name, key in given.items():
            if name not in entries and name not in counter:
                raise ValueError(f"{module.place} has no {name!r}, and received {key!r}.")
            yield module, entries.get(name, name), key
    rest = [key for _, given in left for key in given.values()]
    if rest:
        raise ValueError(
            f"The network has {len(modules)} layers with parameters, and nothing for {rest[0]!r}"
            f" and what follows: {len(rest)} entries are left over."
        )


def values_of(module: Module, entry: Entry, key: str, given, dtype, is_pair: bool) -> np.ndarray:
    """An entry's values, checked; of a pair of rows the second less the first."""
    shape = entry.elements.shape
    try:
        values = np.asarray(_readable(given), dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{module.place} received {key!r}, which is no array: {error}") from error
    if is_pair:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
            values = values[1:] - values[:1]
    if values.shape == (1,) and len(shape) == 1 and module.place.endswith("(PReLU)"):
        values = np.broadcast_to(values, shape)
    if values.shape != shape:
        raise ValueError(
            f"{module.place} expected {entry.name!r} of shape {shape}, and received {key!r} of"
            f" shape {values.shape}{_hint(module, entry, values.shape)}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{module.place} received {key!r}, which contains NaN or infinity.")
    if entry.name == "running_var" and values.min() < 0:
        raise ValueError(f"{module.place} received {key!r}, which contains negative variances.")
    return values


def _readable(given):
    """A tensor as NumPy can read it: without gradients, in memory, of a type that NumPy has."""
    for step in ("detach", "cpu", "double"):
        method = getattr(given, step, None)
        if not callable(method):
            break
        given = method()
    return given


def _hint(module: Module, entry: Entry, shape: tuple[int, ...]) -> str:
    expected = entry.elements.shape
    is_pair = module.place.startswith("the output") and expected[:1] == (1,) and shape[:1] == (2,)
    if not is_pair:
        return ""
    return "; only a classifier of two classes takes two rows for one, each with its bias"
