"""The base class of estimators without targets: their network is two lists of layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.displays.diagram import described, rows_html
from fusednn.estimators.fitting.decorators import with_checked_parameters
from fusednn.estimators.input.axes import as_rows
from fusednn.estimators.input.constraints import DTYPES
from fusednn.estimators.input.plain_input import is_plain_input, takes_plain_input
from fusednn.estimators.input.sequences import are_sequences
from fusednn.estimators.input.steps import axes_of
from fusednn.estimators.layered_weights import WeightsMixin
from fusednn.estimators.network.parameters import drawn
from fusednn.estimators.network.values_by_data import refuse_data, set_by_data
from fusednn.graph.network import Network
from fusednn.optimizers import NAMED, SGD, Adam
from fusednn.plan.folding import folded
from fusednn.plan.untying import untied
from fusednn.serving.model import LOSS_OF_LINK, VALUES, Head, Model
from fusednn.serving.predictor import Predictor
from fusednn.training.optimizer_state import rule_of

from .lists import Pair, built_list, checked_list
from .rehearsing import rehearsals

if TYPE_CHECKING:
    from typing import Self

    from fusednn import layers as specs
    from fusednn.serving.types import MatrixLike

SOLVERS = {**NAMED, "sgd": SGD(), "adam": Adam()}
"""The solvers by name; "adam" adds epsilon after the bias correction, as PyTorch's does."""


class PairedNetwork(WeightsMixin, BaseNetwork, ABC):
    """A network of two lists of layers; not for direct use.

    A subclass names its lists in `_list_names`, has a parameter of each name, and defines
    `_default_list` and `_pair_of`.
    """

    n_iter_: int
    _list_names: ClassVar[tuple[str, str]]
    _built_name = "_pair"
    _shaping: ClassVar[tuple[str, ...]]  # parameters that say which weights there are
    _is_game = False
    _auto_rows = "small"  # what batch_size="auto" means
    _fixed: ClassVar[dict[str, Any]] = {
        **{"accumulate": 1, "l1": 0.0, "max_fun": 1, "missing_targets": "error", "mixup": 0.0}
    }

    # -- structure -----------------------------------------------------------------------

    @abstractmethod
    def _default_list(self, name: str, axes: tuple[int, ...]) -> tuple[specs.Layer, ...]:
        """The list that is used where the user gives none."""

    @abstractmethod
    def _pair_of(self, lists: tuple[tuple[specs.Layer, ...], ...]) -> Pair:
        """Builds the lists for the axes of X."""

    def _asked(self):
        """The two lists, as the parameters ask for them."""
        axes = axes_of(self)
        given = [(name, getattr(self, name)) for name in self._list_names]
        return tuple(
            self._default_list(name, axes) if layers is None else checked_list(name, layers)
            for name, layers in given
        )

    def _specs(self):
        """The descriptions whose first one reads X."""
        return list(getattr(self, self._list_names[0]) or ())

    def _check_structure(self):
        """Checks nothing: the lists are checked when the columns of the data are known."""

    @property
    def _lists(self):
        return tuple(getattr(self, f"{name}_layers_") for name in self._list_names)

    def _set_lists(self, lists) -> None:
        for name, layers in zip(self._list_names, lists, strict=True):
            setattr(self, f"{name}_layers_", layers)

    def _build(self, samples, random_state):
        lists = self._asked()
        self._pair = self._pair_of(lists)
        if not self._pair.built.has_trained:
            names = " and ".join(self._list_names)
            raise ValueError(f"{names} have no weights, so there is nothing to train.")
        self._set_lists(lists)
        built = self._pair.built
        if self._is_game:
            refuse_data(built, "a game")
        self._arrays = drawn(built, random_state, self._type_for(samples.X))
        if not self._is_game:
            set_by_data(built, self._arrays, samples, random_state, self.n_jobs)

    def _restore(self, arrays):
        self._set_lists(self._asked())
        self._pair = self._pair_of(self._lists)
        self._arrays = arrays

    def _built(self):
        return self._pair.built

    @property
    def _built_layers(self):
        return self._pair.built

    @property
    def layers_(self) -> tuple[specs.Layer, ...]:
        """The layers of both lists."""
        first, second = self._lists
        return (*first, *second)

    def _parameters(self):
        return self._arrays

    def _parameter_attributes(self, arrays):
        return {"_arrays": arrays}

    def _check_sizes(self, inputs):
        """Returns the lists as asked for, built; raises ValueError if the weights differ."""
        lists = self._asked()
        pair = self._pair_of(lists)
        found, asked = (
            [parameter.shape for op in one.built.ops for parameter in op.parameters()]
            for one in (self._pair, pair)
        )
        if found != asked:
            *first, last = self._shaping
            names = f"{', '.join(first)} and {last}"
            raise ValueError(
                f"The weights are of other layers than {names} ask for: these cannot change while"
                " training goes on."
            )
        return lists, pair

    def _taken(self, structure):
        lists, self._pair = structure
        self._set_lists(lists)
        return self._pair.built

    def _named_ops(self):
        names = [
            f"{name}[{number}] {type(spec).__name__}"
            for name, layers in zip(self._list_names, self._lists, strict=True)
            for number, spec in enumerate(layers)
        ]
        pairs = zip(names, self._pair.built.homes, strict=True)
        return [(name, home) for name, home in pairs if home is not None]

    def _described_solver(self):
        return SOLVERS.get(self.solver, self.solver)

    def _rule_of(self, solver):
        return rule_of(solver)

    # -- data ----------------------------------------------------------------------------

    def _as_rows(self, X, reset):
        if are_sequences(X):
            raise ValueError(
                f"X lists series of unequal lengths, which {type(self).__name__} does not take."
            )
        shape = getattr(X, "shape", ())
        if not reset and len(shape) > 2 and prod(shape[1:]) != self.n_features_in_:
            raise ValueError(
                f"X has samples with axes {tuple(shape[1:])}, but {type(self).__name__} is"
                f" expecting samples with axes {axes_of(self)}."
            )
        return as_rows(self, X, reset)

    def _integers_of(self, X, reset):
        return (np.uint8,) if isinstance(X, np.ndarray) and X.dtype == np.uint8 else ()

    def _type_for(self, X):
        if X.dtype.kind == "f":
            return X.dtype
        return np.dtype(np.float64 if self.dtype == "float64" else np.float32)

    def _checked_rows(self, X, reset, dtypes=None):
        """X as rows, checked, in one of the types."""
        X = self._as_rows(X, reset)
        dtypes = (*(dtypes or DTYPES[self.dtype]), *self._integers_of(X, reset))
        if (takes_plain_input if reset else is_plain_input)(self, X, dtypes):
            return X
        return self._converted(X, dtype=dtypes, reset=reset)

    def _in_axes(self, rows):
        """Rows with the axes of the X that the estimator was fitted to."""
        return rows.reshape(len(rows), *axes_of(self))

    # -- answers -------------------------------------------------------------------------

    def _ready(self, X):
        """X for predictions: checked, in the network's type or of bytes."""
        X = self._checked_rows(X, reset=False, dtypes=DTYPES["auto"])
        dtype = self._network_dtype()
        if X.dtype != dtype and X.dtype != np.uint8:
            X = self._in_type(X, dtype)
        return X

    def _part(self, second: bool, arrays=None):
        """The network of one of the lists, without noise, and its parameters."""
        arrays = self._typed_parameters() if arrays is None else arrays
        ops, arrays = untied(self._pair.built.ops, arrays)
        first = self._pair.first
        count = sum(len(op.parameters()) for op in ops[:first])
        ops, arrays = (ops[first:], arrays[count:]) if second else (ops[:first], arrays[:count])
        return folded(Network(ops, LOSS_OF_LINK["identity"]), arrays)

    def _count_hidden(self):
        return sum(map(len, self._lists))

    def _first_layers(self, count, network, arrays):
        """The network of the first `count` layers of both lists, and its parameters."""
        ops, arrays = untied(network.ops, arrays)
        first, second = self._lists
        name, other = self._list_names
        if count <= len(first):
            ops = built_list(name, first[:count], axes_of(self)).ops
        else:
            behind = built_list(other, second[: count - len(first)], self._pair.middle)
            ops = (*ops[: self._pair.first], *behind.ops)
        network = network._replace(ops=ops)
        return network, arrays[: len(network.parameters())]

    def _network_dtype(self):
        return self._arrays[0].dtype

    def _typed_parameters(self):
        dtype = self._network_dtype()
        return [np.asarray(array, dtype) for array in self._parameters()]

    def _predictor(self, second: bool, reads_X: bool, column: bool = True) -> Predictor:
        """A frozen copy of one of the lists."""
        self._check_fitted()
        network, arrays = self._part(second)
        features = getattr(self, "feature_names_in_", None) if reads_X else None
        features = None if features is None else tuple(map(str, features))
        axes = axes_of(self) if reads_X and hasattr(self, "input_shape_") else None
        names = (type(self).__name__,) * 2
        head = Head(VALUES, "identity", column=column)
        dtype = self._network_dtype()
        return Predictor(Model(network.ops, arrays, head, dtype, names, features, axes=axes))

    # -- public --------------------------------------------------------------------------

    @with_checked_parameters
    def initialize(self, X: MatrixLike, y: None = None) -> Self:
        """Builds the network for the data and draws its first weights, without training.

        `partial_fit`, and `fit` with `warm_start=True`, continue from these weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : None
            Not used.

        Returns
        -------
        self

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import Autoencoder
        >>> model = Autoencoder(random_state=0).initialize(np.ones((10, 8)))
        >>> model.n_iter_, model.transform(np.ones((3, 8))).shape
        (0, (3, 2))
        """
        return self._initialized(X, y)

    def _rehearsals(self, sparse):
        """What `warmup` runs."""
        return rehearsals(self, sparse)

    def _html_repr(self):
        """Appends a table of the layers of a fitted network to scikit-learn's diagram."""
        text = super()._html_repr()
        if not self._is_built():
            return text
        return text + rows_html(described(self._pair.built, self.layers_, axes_of(self)))


def dense(X):
    """X as an array."""
    return X.toarray() if sparse.issparse(X) else X
