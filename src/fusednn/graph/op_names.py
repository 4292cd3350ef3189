"""What messages call the ops of a network: as the layers that users write."""

from __future__ import annotations

from collections.abc import Sequence

from .layers.attention import Attention, Gate, Positions
from .layers.convolution import Convolution
from .layers.latent import Latent
from .layers.layer import Layer, walked
from .layers.layer_norm import LayerNorm
from .layers.pooling import Pooling
from .layers.recurrent import Recurrent
from .layers.rescale import Rescale
from .layers.reshape import Reshape
from .layers.stepped_attention import SteppedAttention, SteppedPositions
from .layers.tied import Mirrored, Tied
from .layers.transposed_convolution import TransposedConvolution
from .layers.untrained import Standardize
from .layers.upsampling import UpSampling


def name_in(ops: Sequence[Layer], wanted: Layer) -> str:
    """The kind of an op behind the first, and its number among those of this kind.

    Its place in the users' list is not known: some of their layers are part of others' ops.

    Parameters
    ----------
    ops : sequence of Layer
    wanted : Layer
        One of them, or of their inner ops.
    """
    first, *others = ops
    kind = kind_of(wanted)
    found = walked(others, first.out_shape((first.fan_in,)))
    alike = [op for op, _ in found if kind_of(op) == kind]
    if len(alike) == 1:
        return f"the network's {kind}"
    number = next(number for number, op in enumerate(alike, 1) if op is wanted)
    return f"the network's {kind} number {number}"


def kind_of(op: Layer) -> str:
    """The name of the layer that an op is made of, as users write it."""
    axes = f"{len(op.windows.sizes)}D" if hasattr(op, "windows") else ""
    match op:
        case Recurrent():
            return "RNN" if op.cell in ("tanh", "relu") else op.cell.upper()
        case Convolution():
            return f"Conv{axes}"
        case Pooling():
            kind = "MaxPool" if op.largest else "AvgPool"
            return f"Global{kind}" if op.is_whole else f"{kind}{axes}"
        case TransposedConvolution():
            return f"ConvTranspose{axes}"
        case Attention() | SteppedAttention():
            return "MultiHeadAttention"
        case Positions() | SteppedPositions():
            return "PositionalEncoding"
        case UpSampling():
            return f"UpSample{axes}"
        case LayerNorm():
            return "LayerNorm" if op.centered else "RMSNorm"
        case Gate():
            return "TransformerBlock"
        case Latent():
            return "VariationalAutoencoder"
        case Rescale() | Standardize():
            return "standardize=True"
        case Tied() | Mirrored():
            return "Dense with tied weights"
        case Reshape():
            return "Reshape" if len(op.shape) > 1 else "Flatten"
    own = type(op).__name__
    return {"Scaling": "Scale", "Parametric": "ParametricActivation"}.get(own, own)
