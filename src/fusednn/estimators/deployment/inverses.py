"""Inverse transforms of targets: in the last layer, as an op, or as a function of the head."""

from __future__ import annotations

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import FunctionTransformer

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.rescale import Rescale
from fusednn.serving.model import VALUES, Model, output_axes

from .scalers import NEAR_MEAN, SCALERS, Affine, inverse_of, nothing
from .transforms import steps_of

FUNCTIONS = {"exp": np.exp, "expm1": np.expm1, "square": np.square}
"""The inverse functions, by their names in `serving.labels_and_values.INVERSES`."""


def transformed_back(model: Model, regressor: TransformedTargetRegressor) -> Model:
    """Adds the inverse of a target's transformer to the model of the inner regressor.

    Parameters
    ----------
    model : Model
        The model of `regressor.regressor_`.
    regressor : TransformedTargetRegressor
        Fitted.

    Raises
    ------
    TypeError
        If the transformer is unknown, or its inverse cannot follow the network's outputs.
    """
    if model.head.kind != VALUES:
        raise TypeError(f"freeze needs a network that is a regressor in {regressor!r}.")
    if output_axes(model.ops):
        raise TypeError(
            f"freeze cannot transform targets with axes back in {regressor!r}: freeze the"
            " regressor within and transform what it predicts."
        )
    transformer = regressor.transformer_
    steps = steps_of(transformer) if hasattr(transformer, "steps") else [transformer]
    for step in reversed(steps):
        back = _scaled_back if type(step) in SCALERS else _function_back
        model = back(model, step)
    is_column = regressor._training_dim == 2 and _targets(model) == 1
    return model._replace(
        head=model.head._replace(column=is_column and model.head.point is not None)
    )


def _targets(model: Model) -> int:
    return model.ops[-1].fan_out // model.head.per_target


def _function_back(model: Model, step) -> Model:
    function = step.inverse_func if type(step) is FunctionTransformer else step
    if function is None:
        return model
    names = [name for name, one in FUNCTIONS.items() if one is function]
    if not names or step.inv_kw_args:
        known = ", ".join(f"np.{name}" for name in FUNCTIONS)
        raise TypeError(
            f"freeze cannot transform a target back by {function!r}. It knows {known}, and the"
            f" inverses of {', '.join(kind.__name__ for kind in SCALERS)}: take one of these, or"
            " freeze the regressor within and transform what it predicts."
        )
    if model.head.inverse != "identity":
        raise TypeError(
            f"freeze cannot transform a target back by {names[0]} behind {model.head.inverse}."
            " Freeze the regressor within and transform what it predicts."
        )
    return model._replace(head=model.head._replace(inverse=names[0]))


def _scaled_back(model: Model, scaler) -> Model:
    head, back = model.head, inverse_of(scaler, model.dtype)
    if head.inverse != "identity":
        raise TypeError(
            f"freeze cannot put the inverse of {scaler!r} behind {head.inverse}: scale the target"
            " after the function, not before it, or freeze the regressor within and transform what"
            " it predicts."
        )
    target = np.arange(model.ops[-1].fan_out) // head.per_target
    back = back.of(target)
    factor = back.factor / back.divisor
    shift = back.before * factor + back.after
    if head.link == "exp":
        if shift.any():
            raise TypeError(
                f"freeze cannot put the inverse of {scaler!r} behind a network whose outputs are"
                " exponentials, but for one that multiplies. Freeze the regressor within and"
                " transform what it predicts."
            )
        return _then(model, nothing(len(factor))._replace(after=np.log(factor)))
    if head.least:  # loss="gaussian": pairs of a mean and the logarithm of a variance
        wider = 2 * np.log(factor[1::2])
        for part, other in zip(back, nothing(1), strict=True):
            part[1::2] = other
        back.after[1::2] = wider
        least = np.array(head.least) + wider
        model = model._replace(head=head._replace(least=tuple(map(float, least))))
    return _then(model, back)


def _then(model: Model, back: Affine) -> Model:
    """Scales the outputs of a model: in its last layer if that loses no digits, or by an op."""
    *ops, last = model.ops
    arrays, dtype = [*model.arrays], np.dtype(model.dtype)
    factor = back.factor / back.divisor
    shift = back.before * factor + back.after
    is_near = np.all(np.abs(shift / factor) < NEAR_MEAN[dtype])
    if type(last) is Dense and last.after.activation == "identity" and is_near:
        *rest, w, b = arrays
        folded = w.astype(float) * factor, b.astype(float) * factor + shift
        return model._replace(arrays=[*rest, *(part.astype(dtype) for part in folded)])
    return model._replace(ops=(*ops, last, Rescale(last.fan_out)), arrays=[*arrays, *back])
