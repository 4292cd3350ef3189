"""`Autoencoder`."""

from __future__ import annotations

from contextlib import nullcontext
from numbers import Real
from typing import TYPE_CHECKING, ClassVar, Literal

from sklearn.utils._param_validation import Interval

from .input.steps import axes_of
from .unlabelled.lists import built_list, of_default, paired
from .unlabelled.mirroring import mirrored_list
from .unlabelled.paired import dense
from .unlabelled.reconstruction import BaseAutoencoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.layers import Layer
    from fusednn.losses import RegressionLoss
    from fusednn.serving.types import Device

    from .input.types import (
        BatchSize,
        Dtype,
        Patience,
        RandomState,
        Rates,
        StochasticSolver,
    )


class Autoencoder(BaseAutoencoder):
    """Learns codes of few numbers from which samples can be given back.

    The encoder turns a sample into its code, the decoder turns the code into a sample, and both
    are trained so that this is like the first. Samples that are given back badly are unlike those
    of the training data, which detects anomalies.

    Parameters
    ----------
    encoder : list of Layer or None, default=None
        The layers from a sample to its code; the last one gives the code. For X with axes, such
        as images (n, H, W, C), the layers see these axes. None: two dense layers, and a quarter
        of X's columns as numbers, 32 at most.
    decoder : list of Layer or None, default=None
        The layers from a code to a sample; the last one gives as many values as a sample of X
        has. None: dense layers, in the encoder's default sizes.
    tied : bool, default=False
        Whether the decoder's dense layers have the weights of the encoder's, transposed: its first
        one those of the encoder's last. They are one parameter with one update; the decoder's
        biases are its own. With `decoder=None` the decoder then has the encoder's dense layers in
        the opposite order, each with the last activation in front of the encoder's; a `PReLU` has
        slopes of its own, and norms and dropout are left out.
    noise : float, default=0.0
        The standard deviation of normal noise that training adds to what the encoder gets, but not
        to what the decoder must give back: a denoising autoencoder.
    loss : {"squared_error", "absolute_error", "huber", "log_cosh"} or RegressionLoss, \
default="squared_error"
        What training minimises.
    solver, alpha, batch_size, learning_rate, learning_rate_init, max_iter, shuffle, \
random_state, tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change, \
dtype, n_jobs, max_time, warm_start_optimizer, clip_norm, clip_value, ema_decay, diagnose, device
        See `NetworkClassifier`, but that all solvers are stochastic, that `batch_size="auto"` is
        32 and `fit` refuses a number above that of the samples, that `tol` is smaller, since the
        losses are, and that `early_stopping` judges the loss of the held-out samples.

    Attributes
    ----------
    encoder_, decoder_ : Predictor
        Frozen copies of the two halves, made when they are asked for. `export_onnx`, `export_c`
        and `export_library` write them, and `save` of a predictor. The decoder's gives a row for
        each sample, also of X with axes.
    encoder_layers_, decoder_layers_ : tuple of Layer
        The layers in use.
    loss_ : float
        Mean loss of the last epoch's samples. That of a sample is, for "squared_error", half the
        mean over the columns of the squared differences; for other losses the sum over the
        columns.
    loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, out_activation_, gradient_norms_, \
activation_stats_, diagnosed_layers_, diagnosed_weights_, n_features_in_, feature_names_in_, \
input_shape_
        See `NetworkRegressor`.

    See Also
    --------
    VariationalAutoencoder : Codes of a known distribution, from which samples can be drawn.

    References
    ----------
    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science
    313, 2006. For noise: Vincent et al., "Extracting and composing robust features with denoising
    autoencoders", ICML 2008.

    Examples
    --------
    Points on a circle have codes of one number:

    >>> import numpy as np
    >>> from fusednn import Autoencoder
    >>> from fusednn.layers import Dense
    >>> angles = np.linspace(0, 4, 200)
    >>> X = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> model = Autoencoder([Dense(32, "tanh"), Dense(1)], [Dense(32, "tanh"), Dense(2)],
    ...                     learning_rate_init=0.01, batch_size=50, tol=0.0, random_state=0)
    >>> model.fit_transform(X).shape, bool(model.score(X) > -0.005)
    ((200, 1), True)
    """

    _shaping = "encoder", "decoder", "tied"
    _parameter_constraints: ClassVar[dict] = {
        **BaseAutoencoder._parameter_constraints,
        "noise": [Interval(Real, 0, None, closed="left")],
        "tied": ["boolean"],
    }

    def __init__(
        self,
        encoder: Sequence[Layer] | None = None,
        decoder: Sequence[Layer] | None = None,
        *,
        tied: bool = False,
        noise: float = 0.0,
        loss: Literal["squared_error", "absolute_error", "huber", "log_cosh"]
        | RegressionLoss = "squared_error",
        solver: StochasticSolver = "adam",
        alpha: float = 0.0,
        batch_size: BatchSize = "auto",
        learning_rate: Literal["constant", "adaptive"] | Rates = "constant",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-5,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Patience = 10,
        dtype: Dtype = "auto",
        n_jobs: int | None = None,
        max_time: float | None = None,
        warm_start_optimizer: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        diagnose: bool = False,
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

    def _validated(self, X, y, reset, dtypes=None, **options):
        X, y = super()._validated(X, y, reset, dtypes, **options)
        # the update of weights that two layers have reads dense rows
        return (dense(X) if self.tied else X), y

    def _asked(self):
        encoder, decoder = super()._asked()
        if self.tied and self.decoder is None:
            decoder = mirrored_list(encoder, built_list("encoder", encoder, axes_of(self)))
        return encoder, decoder

    def _pair_of(self, lists):
        encoder, decoder = lists
        options = {"noise": self.noise, "tied": bool(self.tied)}
        is_default = self.decoder is None
        with of_default("decoder", "encoder") if is_default else nullcontext():
            return paired(self._list_names, encoder, decoder, axes_of(self), **options)
