"""Exchanges weights with PyTorch: its keys, shapes and orders of elements, without PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.network.torch_modules import COUNTER, NORMED, Entry, Module, modules_of

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray

Estimator = TypeVar("Estimator")
OF_RECURRENCES = re.compile("((?:weight|bias)_[ih]h)_l([0-9]+)((?:_reverse)?)")
"""Names of the parameters of `torch.nn.LSTM` and its kin, which may have several layers."""

OLD_NAMES = {"weight_g": NORMED[0], "weight_v": NORMED[1]}
"""The names that `torch.nn.utils.weight_norm` gives."""


class HasState(Protocol):
    """A PyTorch module, or what has a `state_dict` like it."""

    def state_dict(self) -> Mapping[str, Any]: ...


def import_torch(estimator: Estimator, state_dict: Mapping[str, Any] | HasState) -> Estimator:
    """Sets the weights of an estimator from the `state_dict` of a PyTorch module.

    The module has the same layers, with the sizes that the estimator's list gives. PyTorch need
    not be installed. Only weights are read: activations, strides, padding, and the `eps` and
    `momentum` of normalizations are those of the estimator's layers.

    Parameters
    ----------
    estimator : estimator
        An estimator of fusednn after `fit`, `partial_fit` or `initialize`, which know the sizes
        and the classes. Rows of the module's last layer are in the order of `classes_`. A
        classifier of two classes has one row, for the second; of a module's two rows it gets the
        second less the first, which gives the same probabilities.
    state_dict : mapping or module
        From keys to tensors or arrays; a module's own `state_dict()` is taken. Entries with the
        same key up to its last part belong to one module. The modules are matched to the layers
        with parameters in order, whatever their names.

    Returns
    -------
    estimator
        The same one. The scaling of `standardize` stays, and is not a part of the module.

    Raises
    ------
    NotFittedError
        If the estimator has no weights yet.
    TypeError
        If it is not of fusednn, or `state_dict` is neither a mapping nor a module.
    ValueError
        If an entry is missing, left over or of another shape, or its values are not finite. The
        estimator then stays unchanged.

    See Also
    --------
    export_torch : The way back.

    Notes
    -----
    PyTorch has the channels first. In a network with layers over windows, the module receives
    samples (C, H, W) or (C, T), and the dense layers behind `Flatten` or before `Reshape` have
    their rows or columns in that order; they are permuted. A network without such layers keeps
    the order of its columns.

    The modules inside a `Residual` come before those of its shortcut. An `Embedding` has an
    `nn.Embedding` for each column. `weight_norm` is that of `torch.nn.utils`, old or new, with
    dim=0. Recurrences have `batch_first=True`; a module of several layers is as many recurrences
    with `return_sequences=True`, but perhaps the last. Their two biases are added up, but for
    those that the reset gate of a GRU multiplies. An `nn.PReLU()` with one slope gives it to all
    columns. `num_batches_tracked` is not read.

    Examples
    --------
    The weight of `nn.Linear(2, 1)` is (1, 2):

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor, import_torch
    >>> X, y = np.array([[1.0, 2.0]]), [0.0]
    >>> model = NetworkRegressor([]).initialize(X, y)
    >>> state_dict = {"0.weight": [[10.0, 1.0]], "0.bias": [0.5]}
    >>> import_torch(model, state_dict).predict(X).tolist()
    [12.5]
    """
    network = _checked(estimator)
    modules, arrays, dtype = _parts(network)
    given = _state_of(state_dict)
    matched = list(_matched(modules, given))
    takes_pair = _has_row_of_each_class(network, matched, given)
    found, second = list(arrays), []
    for module, entry, key in matched:
        if isinstance(entry, str):
            continue
        is_pair = takes_pair and module is modules[-1]
        values = _values(module, entry, key, given[key], dtype, is_pair)
        if entry.added:
            second.append((entry, values))
            continue
        array = np.empty(arrays[entry.number].size, dtype)
        array[entry.elements.ravel()] = values.ravel()
        found[entry.number] = array.reshape(arrays[entry.number].shape)
    for entry, values in second:
        found[entry.number][: entry.added] += values[: entry.added]
        if entry.rest is not None:
            found[entry.rest] = values[entry.added :]
    network._set_parameters(found)
    return estimator


def export_torch(
    estimator: Any, keys: Iterable[str] | HasState | None = None
) -> dict[str, FloatArray]:
    """Returns the weights of an estimator as PyTorch has them, for `load_state_dict`.

    Parameters
    ----------
    estimator : estimator
        As in `import_torch`.
    keys : iterable of str, mapping, module or None, default=None
        The keys of the module that will take the weights, in its order: `module.state_dict()` or
        the module. None numbers them as an `nn.Sequential` of the same layers does; see the
        notes.

    Returns
    -------
    dict of str to ndarray
        Copies in the network's type. `num_batches_tracked` of `BatchNorm` is 0. If `keys` is a
        mapping or a module whose last layer has two rows for two classes, the first row is 0.

    Raises
    ------
    NotFittedError
        If the estimator has no weights yet.
    TypeError
        If it is not of fusednn.
    ValueError
        If a key is missing or left over, or the order of the elements of a sample cannot be that
        of PyTorch, because `Reshape` changes axes between layers with weights.

    See Also
    --------
    import_torch : The way back; its notes say what is permuted.

    Notes
    -----
    In the `nn.Sequential` every layer, activation and dropout is a module of its own, also where
    the estimator's list gives the activation as an argument. A global pool is
    `nn.AdaptiveAvgPool1d(1)` or its kin, then `nn.Flatten()`. `Reshape` is `nn.Unflatten`; data
    that have axes already need none. A `Residual` is a module whose `layers` and `shortcut` are
    such sequences. An `Embedding` is a module whose children are numbered.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor, export_torch
    >>> from fusednn.layers import Dense
    >>> X, y = np.ones((10, 3)), np.ones(10)
    >>> model = NetworkRegressor([Dense(8, "relu")]).initialize(X, y)
    >>> {key: array.shape for key, array in export_torch(model).items()}
    {'0.weight': (8, 3), '0.bias': (8,), '2.weight': (1, 8), '2.bias': (1,)}

    With PyTorch, for a module of these layers::

        arrays = export_torch(model, module.state_dict())
        module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    """
    network = _checked(estimator)
    modules, arrays, dtype = _parts(network)
    if keys is None:
        keys = [key for module in modules for key in _keys_of(module)]
    elif not isinstance(keys, Iterable) or hasattr(keys, "state_dict"):
        keys = _state_of(keys)
    matched = list(_matched(modules, keys))
    gives_pair = isinstance(keys, Mapping) and _has_row_of_each_class(network, matched, keys)
    found = {}
    for module, entry, key in matched:
        if isinstance(entry, str):
            found[key] = np.array(0)
            continue
        found[key] = _tensor(arrays, entry, dtype)
        if gives_pair and module is modules[-1]:
            found[key] = np.concatenate([np.zeros_like(found[key]), found[key]])
    return found


def _state_of(given: Any) -> Mapping[str, Any]:
    """The mapping itself, or the `state_dict` of a module."""
    if callable(getattr(given, "state_dict", None)):
        given = given.state_dict()
    if not isinstance(given, Mapping):
        raise TypeError(
            "expected the state_dict of a PyTorch module, or the module, got"
            f" {type(given).__name__}."
        )
    return given


def _has_row_of_each_class(
    network: BaseNetwork,
    matched: list[tuple[Module, Entry | str, str]],
    given: Mapping[str, Any],
) -> bool:
    """Whether the output of a classifier of two classes has two rows, where ours has one."""
    labels = getattr(network, "_labels", None)
    if labels is None or labels.kind != "binary" or len(labels.classes) != 2:
        return False
    output = matched[-1][0]
    entries = [(entry, key) for module, entry, key in matched if module is output]
    return all(
        not isinstance(entry, str)
        and entry.name in ("weight", "bias")
        and np.shape(given[key]) == (2, *entry.elements.shape[1:])
        for entry, key in entries
    )


def _tensor(arrays, entry: Entry, dtype) -> np.ndarray:
    if entry.added:
        rest = [] if entry.rest is None else arrays[entry.rest]
        return np.concatenate([np.zeros(entry.added), rest]).astype(dtype)
    array = np.asarray(arrays[entry.number], dtype)
    return np.ascontiguousarray(array.ravel()[entry.elements])


def _checked(estimator: Any) -> BaseNetwork:
    if not isinstance(estimator, BaseNetwork):
        raise TypeError(
            "expected an estimator of fusednn, such as NetworkClassifier, got"
            f" {type(estimator).__name__}."
        )
    estimator._check_fitted()
    return estimator


def _parts(network: BaseNetwork) -> tuple[list[Module], list, np.dtype]:
    """PyTorch's modules, the network's arrays, and its type."""
    return modules_of(network._built()), list(network._parameters()), network._network_dtype()


def _keys_of(module: Module) -> list[str]:
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


def _matched(
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


def _values(module: Module, entry: Entry, key: str, given, dtype, is_pair: bool) -> np.ndarray:
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
