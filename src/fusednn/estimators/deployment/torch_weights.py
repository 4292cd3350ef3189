"""Exchanges weights with PyTorch: its keys, shapes and orders of elements, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.network.torch_modules import Entry, Module, modules_of

from .torch_state import HasState, keys_of, matched_to, state_of, values_of

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray

Estimator = TypeVar("Estimator")


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
    columns. `num_batches_tracked` is not read. A decoder with `tied=True` has modules with weights
    of its own, which must be those of the encoder, transposed.

    A `LanguageModel` with tied=True has the last layer `nn.Linear(size, count, bias=False)`, whose
    weight is that of the `nn.Embedding`: one parameter with two keys, of which the second may be
    absent.

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
    given = state_of(state_dict)
    matched = list(matched_to(modules, given))
    takes_pair = _has_row_of_each_class(network, matched, given)
    found, second = list(arrays), []
    read: set[int] = set()
    for module, entry, key in matched:
        if isinstance(entry, str):
            continue
        is_pair = takes_pair and module is modules[-1]
        values = values_of(module, entry, key, given[key], dtype, is_pair)
        if module.tied:
            if not np.array_equal(found[entry.number], values):
                raise ValueError(
                    f"{module.place} received {key!r}, which is not the table of the tokens: with"
                    " tied=True both are one parameter."
                )
            continue
        if entry.added:
            second.append((entry, values))
            continue
        flat = np.empty(arrays[entry.number].size, dtype)
        flat[entry.elements.ravel()] = values.ravel()
        array = flat.reshape(arrays[entry.number].shape)
        if entry.number in read and not np.array_equal(array, found[entry.number]):
            raise ValueError(
                f"{module.place} received {key!r}, which differs from the weights of the encoder:"
                " with tied=True both are one parameter."
            )
        found[entry.number] = array
        read.add(entry.number)
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
        keys = [key for module in modules for key in keys_of(module)]
    elif not isinstance(keys, Iterable) or hasattr(keys, "state_dict"):
        keys = state_of(keys)
    matched = list(matched_to(modules, keys))
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
