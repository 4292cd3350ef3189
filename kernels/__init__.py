"""Compiled kernels: fused dense layers, activations, losses, optimizer steps, maths.

The names below are imported on first use and compiled on first call, then kept in the disk
cache. They may be called from Python and from other `@njit` functions.

Vocabulary: `x w b out` are a layer's input, weights, bias and output, `d` + name the gradient
of the loss by that name; `z` is x w + b. Sizes: `B` batch, `I` fan-in, `O` fan-out, `C`
outputs, `M K N` of a matrix product. Arguments: outputs, inputs, parameters, sizes, codes.
"""

from importlib import import_module

_HOMES = {
    "activations": ("ACTIVATIONS",),
    "arrays": (
        "activation_backward",
        "activation_forward",
        "adam_step",
        "loss_gradient",
        "sgd_step",
    ),
    "dense": (
        "dense_backward",
        "dense_backward_parallel",
        "dense_forward",
        "dense_forward_parallel",
    ),
    "losses": ("LOSSES",),
    "maths": ("exp", "expm1", "log", "log1p", "normal_cdf", "sigmoid", "softplus", "tanh"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name):
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
