"""Layers that enlarge images and series: transposed convolution and upsampling; channels last."""

from __future__ import annotations

from dataclasses import dataclass

from .windows import PADDINGS, Kernels, Windowed


@dataclass(frozen=True, repr=False)
class _Transposed(Kernels):
    """What both transposed convolutions have in common."""

    filters: int
    kernel_size: int | tuple[int, int]
    activation: str = "identity"
    stride: int | tuple[int, int] = 1
    padding: str | int | tuple = 0
    output_padding: int | tuple[int, int] = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    init: str | None = None
    bias: bool = True
    max_norm: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0

    def _check(self) -> None:
        super()._check()
        self._check_axes("output_padding", 0)
        pairs = zip(self.along_axes("output_padding"), self.along_axes("stride"), strict=True)
        if any(rows >= step for rows, step in pairs):
            raise ValueError(
                f"output_padding of {type(self).__name__} must be less than its stride, got"
                f" output_padding={self.output_padding!r} and stride={self.stride!r}."
            )
        if self.padding == "same" and any(self.along_axes("output_padding")):
            raise ValueError(
                f'{type(self).__name__} with padding="same" takes no output_padding, got'
                f" {self.output_padding!r}."
            )

    def _paddings(self) -> tuple[str, ...]:
        return PADDINGS

    def sizes_from(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes of the output along each axis but the channels.

        Parameters
        ----------
        counts : tuple of int
            Those of the input.

        Examples
        --------
        >>> from fusednn.layers import ConvTranspose2D
        >>> ConvTranspose2D(8, 3, stride=2, padding=1, output_padding=(0, 1)).sizes_from((5, 5))
        (9, 10)
        """
        if self.padding == "same":
            steps = self.along_axes("stride")
            return tuple(step * count for step, count in zip(steps, counts, strict=True))
        fields = ("kernel_size", "stride", "dilation", "output_padding")
        rows = zip(*map(self.along_axes, fields), self.zeros_around(), counts, strict=True)
        return tuple(
            (count - 1) * step + dilation * (taps - 1) + 1 + more - before - after
            for taps, step, dilation, more, (before, after), count in rows
        )


@dataclass(frozen=True, repr=False)
class ConvTranspose1D(_Transposed):
    """Transposed convolution of series: the linear map that is the transpose of `Conv1D`'s.

    x is (T, C) with the channels last, out is (T', O). Each step of x adds the weights, multiplied
    by its channels, to a window of out. Decoders and generators lengthen series by it.

    Parameters
    ----------
    filters : int
        O, the channels of the output.
    kernel_size : int
        Steps of a window.
    activation : str, default="identity"
        A name that `Activation` takes.
    stride : int, default=1
        Steps from one window to the next.
    padding : {"valid", "same"}, int or (int, int), default=0
        Steps that are cut off the ends of the output; a pair is (before, after). T steps give
        (T - 1) stride + dilation (kernel_size - 1) + 1 without padding. "same" gives T stride:
        a `Conv1D` with "same" and this stride turns as many steps into T. "valid" is 0.
    output_padding : int, default=0
        Steps that are added at the end of the output, less than `stride`. A convolution with a
        stride turns series of several lengths into T steps; this chooses one of the lengths.
    dilation : int, default=1
        Steps from one element of a window to the next.
    groups : int, default=1
        Divides the channels and the filters into so many groups; a filter reads its own group.
    init, bias, max_norm, rate_factor, decay_factor, bias_rate_factor
        As in `Dense`, for weights (kernel_size, C / groups, O) as a matrix with a column for
        each filter.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Examples
    --------
    Five steps become ten:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import ConvTranspose1D, Flatten, Reshape
    >>> layers = [Reshape(5, 2), ConvTranspose1D(4, 3, stride=2, padding="same"), Flatten()]
    >>> X, y = np.ones((8, 10)), np.ones(8)
    >>> NetworkRegressor(layers).initialize(X, y).hidden_activations(X, 1).shape
    (8, 10, 4)
    """


@dataclass(frozen=True, repr=False)
class ConvTranspose2D(_Transposed):
    """Transposed convolution of images: the linear map that is the transpose of `Conv2D`'s.

    x is (H, W, C) with the channels last, out is (H', W', O). Each pixel of x adds the weights,
    multiplied by its channels, to a window of out. Decoders and generators enlarge images by it.

    Parameters
    ----------
    filters : int
        O, the channels of the output.
    kernel_size : int or (int, int)
        Rows and columns of a window.
    activation : str, default="identity"
        A name that `Activation` takes.
    stride : int or (int, int), default=1
        Rows and columns from one window to the next.
    padding : {"valid", "same"}, int or pair, default=0
        Rows and columns that are cut off the edges of the output; a pair is (rows, columns), each
        a number or a pair (before, after). Sizes are those of `ConvTranspose1D`.
    output_padding : int or (int, int), default=0
        Rows and columns that are added at the end of the output, less than `stride`.
    dilation : int or (int, int), default=1
        Rows and columns from one element of a window to the next.
    groups : int, default=1
        As in `ConvTranspose1D`.
    init, bias, max_norm, rate_factor, decay_factor, bias_rate_factor
        As in `Dense`, for weights (rows, columns, C / groups, O) as a matrix with a column for
        each filter.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Examples
    --------
    Images of 4 x 4 pixels become 8 x 8:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import ConvTranspose2D, Flatten, Reshape
    >>> layers = [Reshape(4, 4, 2), ConvTranspose2D(3, 4, stride=2, padding=1), Flatten()]
    >>> X, y = np.ones((8, 32)), np.ones(8)
    >>> NetworkRegressor(layers).initialize(X, y).hidden_activations(X, 1).shape
    (8, 8, 8, 3)
    """


@dataclass(frozen=True, repr=False)
class _UpSample(Windowed):
    """What upsampling of series and of images has in common."""

    factor: int | tuple[int, int]

    def _check(self) -> None:
        self._check_axes("factor")


@dataclass(frozen=True, repr=False)
class UpSample1D(_UpSample):
    """Repeats each step of a series (T, C): the nearest neighbour.

    Parameters
    ----------
    factor : int
        How often; the output is (factor T, C).

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Flatten, Reshape, UpSample1D
    >>> X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0]
    >>> model = NetworkRegressor([Reshape(2, 1), UpSample1D(2), Flatten()]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]
    """


@dataclass(frozen=True, repr=False)
class UpSample2D(_UpSample):
    """Repeats each pixel of an image (H, W, C): the nearest neighbour.

    Parameters
    ----------
    factor : int or (int, int)
        How often, in rows and columns; the output is (factor H, factor W, C).

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Flatten, Reshape, UpSample2D
    >>> X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0]
    >>> layers = [Reshape(1, 2, 1), UpSample2D((2, 1)), Flatten()]
    >>> NetworkRegressor(layers).initialize(X, y).hidden_activations(X).tolist()
    [[1.0, 2.0, 1.0, 2.0], [3.0, 4.0, 3.0, 4.0]]
    """
