"""Networks given as a list of layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from fusednn import layers as specs
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.time_axis import free_series, network_for, ops_of_steps, series_of
from fusednn.kernels.ops.products.tokens import INTEGERS as TOKEN_TYPES
from fusednn.optimizers import NAMED, SGD, Adam
from fusednn.serving.model import output_axes
from fusednn.training.optimizer_state import rule_of

from .base import BaseNetwork
from .displays.diagram import table_of
from .fitting.decorators import with_checked_parameters
from .input.augmentations import augmentation_of
from .input.axes import as_rows
from .input.constraints import LAYERED
from .input.rehearsal_data import rehearsal_data
from .input.steps import axes_of, converted_series, free_steps, series_read
from .input.target_axes import axes_at_end, check_single, in_steps_of
from .layered_weights import LayeredWeightsMixin
from .network.building import build, first_ops
from .network.built_layers import BuiltLayers, Position
from .network.code_counts import with_codes_of, with_least_codes
from .network.first_layer import check_input, check_tables, has_embedding, has_tokens, learned_from
from .network.list_ends import SOFTMAX, divided, output_units
from .network.parameters import drawn
from .network.scaling import scaling_of
from .network.tabular import learns_from_targets, with_edges, with_edges_of
from .network.values_by_data import set_by_data

if TYPE_CHECKING:
    from fusednn.serving.types import MatrixLike

    from .input.types import Targets

DEFAULT = (specs.Dense(100, "relu"),)
INTEGERS = tuple(np.dtype(name).type for name in TOKEN_TYPES)
"""The types of integers that tokens may have."""

PYTORCHS = {**NAMED, "sgd": SGD(), "adam": Adam()}
"""The solvers by name. "adam" is PyTorch's here, which adds epsilon after the bias correction."""


class BaseLayered(LayeredWeightsMixin, BaseNetwork):
    """Base class of `NetworkClassifier` and `NetworkRegressor`; not for direct use."""

    _parameter_constraints: ClassVar[dict] = LAYERED
    layers_: tuple[specs.Layer, ...]
    _built_name = "layers_"

    def _specs(self):
        return list(DEFAULT if self.layers is None else self.layers)

    def _check_structure(self):
        """Checks nothing: `_build` checks the list, when the columns of the data are known."""

    def _asked(self, learned):
        """The descriptions as parameters ask for them.

        The function `learned` sets the numbers of codes that an embedding leaves to the data.
        """
        layers = self._specs()
        if has_embedding(layers) or has_tokens(layers):
            if self.mixup:
                raise Position("layers[0]", layers[0]).refuse("mixup cannot mix codes")
            layers[0] = learned(layers[0])
        return tuple(layers)

    def _as_rows(self, X, reset):
        return as_rows(self, X, reset)

    def _converted(self, X, y="no_validation", **options):
        """The same, but that series may have padding, and steps of their own in prediction."""
        series = series_read(self, X, options["reset"])
        if series is None:
            return super()._converted(X, y, **options)
        return converted_series(self, series, X, y, **options)

    def _in_type(self, X, dtype, **options):
        series = series_read(self, X, reset=False)
        if series is not None and not series.are_tokens:
            options["ensure_all_finite"] = "allow-nan"
        return super()._in_type(X, dtype, **options)

    def _network_for(self, X, built):
        return network_for(self._network(built), X.shape[1])

    def _target_axes(self, X, reset):
        return axes_at_end(self, X, reset)

    def _check_single(self, X, y, reset):
        if y is not None:
            check_single(self, X, y, reset)

    def _in_steps_of(self, X, y, ends, reset):
        return in_steps_of(self, X, y, ends, reset)

    def _ops_before_output(self, axes):
        """The ops before the output layer, for samples with these axes."""
        layers = self._asked(with_least_codes)
        hidden, _ = divided(layers, output_units(layers) or 1, SOFTMAX)
        return first_ops(hidden, axes, scaled=False)

    def _integers_of(self, X, reset):
        layers = self._specs() if reset else self.layers_
        if has_tokens(layers):
            return INTEGERS
        takes_bytes = isinstance(X, np.ndarray) and X.dtype == np.uint8
        return (np.uint8,) if takes_bytes and not has_embedding(layers) else ()

    def _type_for(self, X):
        if X.dtype.kind == "f":
            return X.dtype
        return np.dtype(np.float64 if self.dtype == "float64" else np.float32)

    def _built_of(self, layers, scaled):
        """Builds the ops of a list of descriptions, with an output layer for the targets."""
        hidden, output = divided(layers, self.n_outputs_, self._output_activation())
        return build(hidden, output, axes_of(self), scaled=scaled)

    def _learned_before(self, spec):
        """An embedding with as many codes as the present one, if they are alike, or the least."""
        return with_codes_of(spec, self.layers_[0] if self.layers_ else None)

    def _build(self, samples, random_state):
        X = samples.X
        layers = self._asked(partial(learned_from, X))
        if not self.standardize and len(axes_of(self)) == 1:
            layers = with_edges(layers, samples, self._type_for(X))
        self._built_layers = built = self._built_of(layers, bool(self.standardize))
        check_input(X, built)
        tables = specs.Embedding | specs.TokenEmbedding
        if layers and isinstance(layers[0], tables) and layers[0] != self._specs()[0]:
            check_tables(built, X)
        free_steps(self)
        arrays = drawn(built, random_state, self._type_for(X))
        self.__dict__.pop("feature_means_", None)
        if self.standardize:
            self._learn_scaling(built, arrays, X[samples.rows])
        set_by_data(built, arrays, samples, random_state, self.n_jobs)
        self.layers_, self._arrays = layers, arrays

    def _learn_scaling(self, built, arrays, X):
        """Learns the scaling from X, and sets arrays and attributes; codes are not scaled."""
        dtype = self._type_for(X)
        mean, factor = (part.astype(dtype) for part in scaling_of(X, built))
        start, columns = 0, list(range(len(mean)))
        if isinstance(built.pieces[0].spec, specs.Embedding):
            columns, start = built.ops[0].plain, len(built.ops[0].columns)
        arrays[start][: len(columns)] = mean[columns]
        arrays[start + 1][: len(columns)] = factor[columns]
        codes = np.setdiff1d(np.arange(len(mean)), columns)
        mean[codes], factor[codes] = 0, 1
        self.feature_means_, self.feature_factors_ = mean, factor

    def _learns_from_targets(self):
        return learns_from_targets(self._specs())

    def _restore(self, arrays):
        """Sets the arrays of a network that was built before from `layers_`."""
        scaled = hasattr(self, "feature_means_")
        self._built_layers = self._built_of(self.layers_, scaled)
        free_steps(self)
        self._arrays = arrays

    def _parameters(self):
        """The arrays of the network, in the order of its ops."""
        return self._arrays

    def _parameter_attributes(self, arrays):
        """The attribute that holds the arrays."""
        return {"_arrays": arrays}

    def _built(self):
        return self._built_layers

    def _check_sizes(self, inputs):
        """Returns layers and built layers; raises ValueError if the weights do not fit them."""
        if bool(self.standardize) != hasattr(self, "feature_means_"):
            raise ValueError("standardize cannot change while training goes on.")
        if free_series(self._built_layers.ops) is not None:
            inputs = self.n_features_in_  # X may have other steps
        layers, sizes = self._asked(self._learned_before), (inputs, self.n_outputs_)
        layers = with_edges_of(layers, self.layers_)
        if layers == self.layers_ and sizes == self._built_layers.sizes:
            return layers, self._built_layers
        asked = self._built_of(layers, bool(self.standardize))
        if _weights_of(asked) != _weights_of(self._built_layers):
            raise ValueError(
                f"The weights are of the layers {list(self.layers_)}, but the parameters and the"
                f" data ask for {self._specs()} on {inputs} columns."
            )
        axes = getattr(self, "output_shape_", ())
        if (found := output_axes(asked.ops)) != axes:
            raise ValueError(
                f"layers cannot change the axes of targets from {axes} to {found} while training"
                " goes on."
            )
        return layers, asked

    def _taken(self, structure):
        self.layers_, self._built_layers = structure
        return self._built_layers

    def _augmentation(self):
        return augmentation_of(self)

    def _described_solver(self):
        return PYTORCHS.get(self.solver, self.solver)

    def _rule_of(self, solver):
        return rule_of(solver)

    def _named_ops(self):
        """The name and the number of the op of each layer that has an op of its own."""
        homes = self._built_layers.homes
        kinds = [type(spec).__name__ for spec in self.layers_]
        names = [f"layers[{number}] {kinds[number]}" for number in range(len(homes) - 1)]
        pairs = zip([*names, "output"], homes, strict=True)
        return [(name, home) for name, home in pairs if home is not None]

    def _count_hidden(self):
        return len(self._built_layers.homes) - 1

    def _first_layers(self, count, network, arrays):
        """The network of the first `count` layers, and its parameters."""
        scaled = any(isinstance(op, Standardize) for op in network.ops)
        ops = first_ops(self.layers_[:count], axes_of(self), scaled=scaled)
        if ops[0].fan_in != network.inputs:
            series = series_of(network.ops)
            assert series is not None
            ops = ops_of_steps(ops, series.steps)
        network = network._replace(ops=ops)
        return network, arrays[: len(network.parameters())]

    def _summary(self):
        """A word on the network, for messages of `warmup`."""
        return f"{len(self._specs())} layers"

    def _rehearsal_data(self, rows):
        return rehearsal_data(self, rows)

    def _rehearsal_classes(self):
        found = output_units(self._specs())
        return (2, 5) if found is None else (found,)

    @with_checked_parameters
    def initialize(self, X: MatrixLike, y: Targets) -> Self:
        """Builds the network for the data and draws its first weights, without training.

        `partial_fit`, and `fit` with `warm_start=True`, continue from these weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like
            Targets; see `fit`.

        Returns
        -------
        self

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import NetworkRegressor
        >>> from fusednn.layers import Dense
        >>> X, y = np.ones((10, 3)), np.ones(10)
        >>> model = NetworkRegressor([Dense(8, "relu")], random_state=0).initialize(X, y)
        >>> model.n_iter_, model.predict(X).shape
        (0, (10,))
        """
        return self._initialized(X, y)

    def _html_repr(self):
        """Appends a table of the layers to scikit-learn's diagram."""
        return super()._html_repr() + table_of(self)


def _weights_of(built: BuiltLayers):
    """The structure that weights depend on: kinds and places of ops, shapes of parameters."""
    ops = [
        (type(op), getattr(op, "bias", None), [parameter.shape for parameter in op.parameters()])
        for op in built.ops
    ]
    return built.homes, ops
