"""Lists of layers that are known to work, for `layers=` of the estimators.

Each function returns a new list, which can be changed like any other. The estimator adds the
output layer. Images are (n, H, W, C) or (n, H, W), series (n, T, C) or (n, T). Put `Reshape`
before the list where X has a column for each element.

Examples
--------
>>> from fusednn import NetworkClassifier
>>> from fusednn.layers import Reshape, presets
>>> model = NetworkClassifier([Reshape(28, 28, 1), *presets.lenet()])
"""

from __future__ import annotations

from collections.abc import Sequence

from .activations import Activation
from .attention import PositionalEncoding, TransformerBlock
from .dense import Dense
from .layer import Layer
from .norms import BatchNorm, LayerNorm
from .pooling import AvgPool2D, GlobalAvgPool
from .residual import Residual
from .shapes import Flatten
from .token_embedding import TokenEmbedding
from .windows import Conv1D, Conv2D

__all__ = ["decoder", "lenet", "resnet", "series", "transformer"]


def lenet(
    filters: Sequence[int] = (6, 16),
    units: Sequence[int] = (120, 84),
    activation: str = "tanh",
) -> list[Layer]:
    """LeNet-5 for small images: convolutions of 5 x 5 pixels, pools and dense layers.

    The first convolution keeps the size of the image, as if its margin were wider by two pixels;
    the others have none. Images of 28 x 28 pixels suit two convolutions; 16 x 16 are enough.

    Parameters
    ----------
    filters : sequence of int, default=(6, 16)
        Channels of each convolution.
    units : sequence of int, default=(120, 84)
        Units of each dense layer.
    activation : str, default="tanh"
        After each convolution and dense layer. "relu" learns faster.

    Returns
    -------
    list of Layer

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE, 1998. The pools here are plain means, without weights.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import presets
    >>> X, y = np.random.RandomState(0).normal(size=(20, 16, 16)), np.arange(20) % 2
    >>> model = NetworkClassifier(presets.lenet()).initialize(X, y)
    >>> model.hidden_activations(X, 3).shape, model.hidden_activations(X).shape
    ((20, 2, 2, 16), (20, 84))
    """
    layers: list[Layer] = []
    for number, channels in enumerate(filters):
        padding = "valid" if number else "same"
        layers += [Conv2D(channels, 5, activation, padding=padding), AvgPool2D(2)]
    return [*layers, Flatten(), *(Dense(count, activation) for count in units)]


def resnet(filters: Sequence[int] = (16, 32, 64), blocks: int = 1) -> list[Layer]:
    """Residual network for small images: a convolution, stages of residual blocks, their mean.

    A block is two convolutions of 3 x 3 pixels with `BatchNorm`. The first block of every stage
    but the first halves rows and columns; where a block changes the shape, its shortcut is a
    convolution of one pixel with `BatchNorm`. There are 2 blocks len(filters) + 2 layers with
    weights on the way to the output, with the output layer: 8 by default, 20 with blocks=3.

    Parameters
    ----------
    filters : sequence of int, default=(16, 32, 64)
        Channels of each stage.
    blocks : int, default=1
        Blocks of each stage.

    Returns
    -------
    list of Layer

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2;
    the shortcuts are option B of section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import presets
    >>> X, y = np.random.RandomState(0).normal(size=(20, 8, 8, 3)), np.arange(20) % 2
    >>> model = NetworkClassifier(presets.resnet((8, 16))).initialize(X, y)
    >>> model.hidden_activations(X, 4).shape, model.hidden_activations(X).shape
    ((20, 8, 8, 8), (20, 16))
    """
    if isinstance(blocks, bool) or blocks != int(blocks) or blocks < 1:
        raise ValueError(f"blocks of resnet must be an integer from 1, got {blocks!r}.")
    layers = _normed(Conv2D(filters[0], 3, bias=False))
    before = filters[0]
    for stage, channels in enumerate(filters):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            inner = [
                *_normed(Conv2D(channels, 3, stride=stride, bias=False)),
                *_normed(Conv2D(channels, 3, bias=False), "identity"),
            ]
            shortcut = None
            if stride > 1 or channels != before:
                short = Conv2D(channels, 1, stride=stride, bias=False)
                shortcut = _normed(short, "identity")
            layers += [Residual(inner, shortcut), Activation("relu")]
            before = channels
    return [*layers, GlobalAvgPool()]


def _normed(convolution: Conv1D | Conv2D, activation: str = "relu") -> list[Layer]:
    """A convolution, `BatchNorm` and an activation."""
    after = [] if activation == "identity" else [Activation(activation)]
    return [convolution, BatchNorm(), *after]


def series(
    filters: Sequence[int] = (64, 128, 64), kernel_sizes: Sequence[int] = (8, 5, 3)
) -> list[Layer]:
    """Fully convolutional network for time series: convolutions, then their mean over time.

    A convolution is followed by `BatchNorm` and ReLU. The mean makes the answer depend on what
    happens in a series, not on when. Where T is short of the sum of the kernel sizes, most of a
    window lies outside, and smaller ones do as well.

    Parameters
    ----------
    filters : sequence of int, default=(64, 128, 64)
        Channels of each convolution; the paper has twice as many.
    kernel_sizes : sequence of int, default=(8, 5, 3)
        Steps of the windows of each convolution.

    Returns
    -------
    list of Layer

    Notes
    -----
    For tens to hundreds of series, AdamW with `OneCycle`, `learning_rate_init=0.01`, batches of 16
    and 100 to 300 epochs serve; benchmarks/series.py has them.

    References
    ----------
    Wang, Yan and Oates, "Time series classification from scratch with deep neural networks: a
    strong baseline", IJCNN 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import presets
    >>> X, y = np.random.RandomState(0).normal(size=(20, 50, 3)), np.arange(20) % 2
    >>> model = NetworkClassifier(presets.series((8, 8, 16))).initialize(X, y)
    >>> model.hidden_activations(X).shape
    (20, 16)
    """
    if len(filters) != len(kernel_sizes):
        raise ValueError(
            "series takes as many filters as kernel_sizes, got"
            f" {len(filters)} and {len(kernel_sizes)}."
        )
    pairs = zip(filters, kernel_sizes, strict=True)
    convolutions = (_normed(Conv1D(*pair, bias=False)) for pair in pairs)
    return [*(layer for layers in convolutions for layer in layers), GlobalAvgPool()]


def transformer(
    width: int = 64, blocks: int = 2, heads: int = 4, dropout: float = 0.1
) -> list[Layer]:
    """Encoder for series and for images as rows of patches: blocks of attention, then their mean.

    Norms come first, and once more behind the last block. Positions are learned.

    Parameters
    ----------
    width : int, default=64
        Channels inside, a multiple of `heads`.
    blocks : int, default=2
    heads : int, default=4
    dropout : float, default=0.1
        As in `TransformerBlock`.

    Returns
    -------
    list of Layer

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017; with the norms of Xiong et al., ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import presets
    >>> X, y = np.random.RandomState(0).normal(size=(20, 50, 3)), np.arange(20) % 2
    >>> model = NetworkClassifier(presets.transformer(16)).initialize(X, y)
    >>> model.hidden_activations(X).shape
    (20, 16)
    """
    body = [TransformerBlock(heads, dropout=dropout) for _ in range(blocks)]
    return [Dense(width, "identity"), PositionalEncoding(), *body, LayerNorm(), GlobalAvgPool()]


def decoder(
    width: int = 128, blocks: int = 4, heads: int = 4, dropout: float = 0.0
) -> list[Layer]:
    """The decoder that `LanguageModel` has without a list: causal blocks with rotary positions.

    Norms come first, and once more behind the last block.

    Parameters
    ----------
    width : int, default=128
        Channels inside, a multiple of `heads`.
    blocks : int, default=4
    heads : int, default=4
    dropout : float, default=0.0
        As in `TransformerBlock`.

    Returns
    -------
    list of Layer

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019; with the positions
    of Su et al., "RoFormer", 2021.

    Examples
    --------
    >>> from fusednn import LanguageModel
    >>> from fusednn.layers import presets
    >>> model = LanguageModel(presets.decoder(16, blocks=1), context=8).initialize([1, 2, 3] * 9)
    >>> [type(layer).__name__ for layer in model.layers_]
    ['TokenEmbedding', 'PositionalEncoding', 'TransformerBlock', 'LayerNorm']
    """
    body = [TransformerBlock(heads, causal=True, dropout=dropout) for _ in range(blocks)]
    return [TokenEmbedding(width), PositionalEncoding("rotary"), *body, LayerNorm()]
