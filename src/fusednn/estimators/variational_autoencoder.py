"""`VariationalAutoencoder`."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Literal

from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from fusednn.graph.layers.latent import Latent
from fusednn.layers import Dense, Flatten

from .input.steps import axes_of
from .unlabelled.default_lists import numbers_of
from .unlabelled.lists import built_list, paired, shape_behind
from .unlabelled.reconstruction import BaseAutoencoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.layers import Layer
    from fusednn.losses import RegressionLoss
    from fusednn.serving.types import Device, FloatArray

    from .input.types import (
        BatchSize,
        Dtype,
        Patience,
        RandomState,
        Rates,
        StochasticSolver,
    )


class VariationalAutoencoder(BaseAutoencoder):
    """Learns codes whose distribution is known, so that new samples can be drawn.

    The encoder turns a sample into a normal distribution of codes, the decoder turns a code that
    is drawn from it into a sample. Training keeps these distributions near the standard normal
    one, and draws from that give new samples.

    Parameters
    ----------
    encoder : list of Layer or None, default=None
        The layers before the one that gives the means and log variances of the codes, which is
        added, behind a `Flatten` where these layers end with axes. For X with axes, such as images
        (n, H, W, C), the layers see these axes. None: two dense layers.
    decoder : list of Layer or None, default=None
        The layers from a code to a sample; the last one gives as many values as a sample of X
        has. None: dense layers, in the encoder's default sizes.
    latent : int or None, default=None
        The numbers of a code. None: a quarter of X's columns, 32 at most.
    beta : float, default=1.0
        The weight of the divergence of the codes from the standard normal distribution. The loss
        of a sample is the sum over the columns of `loss`, plus this; `loss_` is its mean over the
        columns for "squared_error".
    loss : {"squared_error", "absolute_error", "huber", "log_cosh"} or RegressionLoss, \
default="squared_error"
        How samples and what the decoder gives are compared.
    solver, alpha, batch_size, learning_rate, learning_rate_init, max_iter, shuffle, \
random_state, tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change, \
dtype, n_jobs, max_time, warm_start_optimizer, clip_norm, clip_value, ema_decay, diagnose, device
        See `Autoencoder`. The loss of held-out samples is without the divergence.

    Attributes
    ----------
    encoder_, decoder_ : Predictor
        Frozen copies of the two halves, made when they are asked for; the encoder gives means.
    encoder_layers_, decoder_layers_ : tuple of Layer
        The layers in use; the encoder's last one gives the means, then the log variances.
    loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, out_activation_, gradient_norms_, \
activation_stats_, diagnosed_layers_, diagnosed_weights_, n_features_in_, feature_names_in_, \
input_shape_
        See `NetworkRegressor`.

    See Also
    --------
    Autoencoder : Codes of any distribution.
    GAN : Draws samples without codes for given ones.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014. For beta: Higgins et al.,
    "beta-VAE: learning basic visual concepts with a constrained variational framework", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import VariationalAutoencoder
    >>> from fusednn.layers import Dense
    >>> X = np.random.RandomState(0).normal([5.0, 0.0], size=(200, 2))
    >>> model = VariationalAutoencoder([Dense(8, "tanh")], [Dense(8, "tanh"), Dense(2)], latent=1,
    ...                                learning_rate_init=0.05, batch_size=20, tol=100.0,
    ...                                n_iter_no_change=20, random_state=0)
    >>> samples = model.fit(X).sample(500, random_state=0)
    >>> samples.shape, bool(abs(samples[:, 0].mean() - 5) < 0.5)
    ((500, 2), True)
    """

    _shaping = "encoder", "decoder", "latent"
    _parameter_constraints: ClassVar[dict] = {
        **BaseAutoencoder._parameter_constraints,
        "latent": [Interval(Integral, 1, None, closed="left"), None],
        "beta": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        encoder: Sequence[Layer] | None = None,
        decoder: Sequence[Layer] | None = None,
        *,
        latent: int | None = None,
        beta: float = 1.0,
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

    def _numbers(self) -> int:
        """The numbers of a code."""
        return numbers_of(self.n_features_in_) if self.latent is None else int(self.latent)

    def _default_list(self, name, axes):
        found = super()._default_list(name, axes)
        return found[:-1] if name == "encoder" else found

    def _asked(self):
        encoder, decoder = super()._asked()
        behind = shape_behind(built_list("encoder", encoder, axes_of(self)), axes_of(self))
        flat = (Flatten(),) if len(behind) > 1 else ()
        return (*encoder, *flat, Dense(2 * self._numbers())), decoder

    def _pair_of(self, lists):
        share = 1 / self.n_features_in_ if self._loss_row().per_output else 1.0
        latent = Latent(lists[0][-1].units // 2, float(self.beta), share)
        encoder, decoder = lists
        return paired(self._list_names, encoder, decoder, axes_of(self), latent=latent)

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> FloatArray:
        """Draws new samples: the decoder's answers to draws from the standard normal distribution.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState or None, default=None
            Seeds the draws.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the network's type; (n_samples, *axes) if X had axes in `fit`.

        Raises
        ------
        ValueError
            If `n_samples` is not a positive integer.
        """
        self._check_fitted()
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be a positive integer, got {n_samples!r}.")
        shape = int(n_samples), *self._pair.middle
        return self.inverse_transform(check_random_state(random_state).normal(size=shape))
