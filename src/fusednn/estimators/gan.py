"""`GAN`."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from sklearn.utils._param_validation import Interval, StrOptions

from fusednn.kernels.ops.game_losses import GAME_LOSSES
from fusednn.optimizers import NAMED, Optimizer
from fusednn.schedules import Schedule

from .fitting.decorators import with_callbacks, with_checked_parameters
from .input.constraints import SHARED
from .unlabelled.drawing import DrawingNetwork
from .unlabelled.game_lists import default_discriminator, default_generator
from .unlabelled.game_options import CLIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from fusednn.layers import Layer
    from fusednn.serving.types import Device, MatrixLike

    from .input.types import BatchSize, Dtype, RandomState, Rates, StochasticSolver

_SHARE = Interval(Real, 0, 1, closed="left")
_FROM_0 = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")


class GAN(DrawingNetwork):
    """Learns to make samples like those of X, by two networks that play against each other.

    The generator makes samples from noise. The discriminator learns to tell them from those of X,
    and the generator learns from it, by the gradient by its samples, to make better ones. With
    classes y both know the class that a sample is to have.

    Parameters
    ----------
    generator : list of Layer or None, default=None
        The layers from `latent` numbers, and a column for each class, to a sample; the last one
        gives as many values as a sample of X has. None: two dense layers before the last one; for
        images of 28 x 28 pixels a dense layer and convolutions, whose outputs from -1 to 1 are
        scaled to the range of X, of uint8 to 0 to 255.
    discriminator : list of Layer or None, default=None
        The layers from a sample to what its output is computed from; the output layer, with one
        unit or one for each class, is added, behind a `Flatten` where the layers end with axes.
        None: like the generator's; what it gets is scaled likewise. A list of your own gets, and a
        generator of your own gives, values in X's own range.
    latent : int, default=64
        The numbers of noise for a sample, of the standard normal distribution.
    loss : {"bce", "hinge", "least_squares", "wasserstein"}, default="bce"
        What the networks minimise. For outputs r on data and f on generated samples:

        * "bce": -log p(r) - log(1 - p(f)) with the logistic function p; the generator's is
          -log p(f), which does not saturate;
        * "hinge": max(0, 1 - r) + max(0, 1 + f); the generator's is -f;
        * "least_squares": ((r - 1)^2 + f^2) / 2; the generator's is (f - 1)^2 / 2;
        * "wasserstein": f - r; the generator's is -f. The discriminator's weights are bounded by
          `clip` unless there is a penalty or `spectral_norm`.
    penalty : float or None, default=None
        Factor of the gradient penalty (|g| - 1)^2, where g is the gradient of the discriminator's
        output by its input, at random points between data and generated samples. For dense layers
        with "identity", "relu" or "leaky_relu" as activation, on rows: X with axes needs `Flatten`
        first. None: 0.3 for the default
        discriminator on columns, unless there is `instance_noise` or `spectral_norm` or the loss
        is "wasserstein"; else 0. Without it the default networks find few of the modes of separate
        clusters.
    spectral_norm : bool, default=False
        Whether the weights of the discriminator's dense layers and convolutions are divided by
        their largest singular value, which bounds the slopes of these layers, but not those of
        norms. Recurrences and attention are refused. An iteration of the power method follows each
        of its steps. `get_weights` gives the weights in use.
    clip : float, default=0.01
        The largest absolute value of the discriminator's weights and biases, for "wasserstein"
        without a penalty and without `spectral_norm`; with these, and for other losses, another
        value than the default is refused.
    discriminator_steps : int, default=1
        Steps of the discriminator for each step of the generator.
    label_smoothing : float, default=0.0
        The target of data is 1 minus this, for "bce" and "least_squares"; the other losses have no
        target, and refuse it.
    instance_noise : float, default=0.0
        The standard deviation of normal noise that training adds to all that the discriminator
        gets.
    solver : str or Optimizer, default="adam"
        How both networks are trained, each with a state of its own. "adam" has beta_1=0.5 here.
    learning_rate : {"cosine", "constant"}, Schedule or callable, default="cosine"
        How the learning rates change; see `NetworkClassifier`. "cosine" is
        `fusednn.schedules.Cosine()` in `fit`, and constant in `partial_fit`.
    learning_rate_init : float or None, default=None
        The learning rate at first. None: 0.002, or 0.0005 for X with axes.
    discriminator_learning_rate_init : float or None, default=None
        The discriminator's learning rate. None: `learning_rate_init`.
    ema_decay : float or None, default=0.999
        The decay of averages of the generator's weights, which `sample` uses. None: no averages.
    batch_size : "auto" or int, default="auto"
        The samples of X in a step; as many are generated. "auto" is 64 or the number of samples.
        What is left of a pass is not used.
    max_iter : int or "auto", default="auto"
        Passes over X. "auto": as many as make 40,000 steps of the generator, 20,000 for X with
        axes.
    random_state, verbose, warm_start, dtype, n_jobs, max_time
        See `NetworkClassifier`.
    diagnose : bool, default=False
        Whether `fit` warns of the well-known failures at its end: samples that are alike, a
        discriminator that wins, and gradients that vanish.
    device
        See `NetworkClassifier`.

    Attributes
    ----------
    generator_, discriminator_ : Predictor
        Frozen copies, made when they are asked for. `generator_.predict` makes samples from noise,
        behind which are the columns of the classes: a flat row for each sample, also of X with
        axes; `discriminator_.predict` gives outputs. The whole is no predictor: `freeze`, exports
        and `fusednn.load` say so.
    generator_layers_, discriminator_layers_ : tuple of Layer
        The layers in use.
    history_ : dict of str to list of float
        For each pass of all fits "generator_loss", "discriminator_loss", "accuracy" (the share of
        rows that the discriminator judged rightly), "variety" (how much generated samples spread,
        as a share of the data's spread) and "push" (the norm of the gradient that the generator
        gets).
    classes_ : ndarray
        The classes, if y was given.
    n_iter_ : int
        The passes of the last fit.
    t_, n_outputs_, out_activation_, n_features_in_, feature_names_in_, input_shape_
        See `NetworkRegressor`.

    See Also
    --------
    VariationalAutoencoder : Also makes codes of given samples.

    References
    ----------
    Goodfellow et al., "Generative adversarial nets", NIPS 2014. Lim and Ye, "Geometric GAN",
    arXiv:1705.02894. Mao et al., "Least squares generative adversarial networks", ICCV 2017.
    Arjovsky, Chintala and Bottou, "Wasserstein GAN", ICML 2017. Gulrajani et al., "Improved
    training of Wasserstein GANs", NIPS 2017. Miyato, Kataoka, Koyama and Yoshida, "Spectral
    normalization for generative adversarial networks", ICLR 2018. One output for each class:
    Miyato and Koyama, "cGANs with projection discriminator", ICLR 2018, whose discriminators are
    those with as many biases.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import GAN
    >>> from fusednn.layers import Dense
    >>> X = np.random.RandomState(0).normal([3.0, -1.0], 0.5, size=(320, 2))
    >>> model = GAN([Dense(16, "relu"), Dense(2)], [Dense(16, "relu")], latent=4, max_iter=20,
    ...             learning_rate_init=0.01, ema_decay=None, random_state=0).fit(X)
    >>> model.sample(5, random_state=0).shape, model.score_samples(X).shape
    ((5, 2), (320,))
    """

    _parameter_constraints: ClassVar[dict] = {
        **SHARED,
        "generator": "no_validation",  # by `checked_list`
        "discriminator": "no_validation",
        "latent": [_COUNT],
        "loss": [StrOptions(set(GAME_LOSSES))],
        "penalty": [_FROM_0, None],
        "max_iter": [StrOptions({"auto"}), _COUNT],
        "spectral_norm": ["boolean"],
        "clip": [_POSITIVE],
        "discriminator_steps": [_COUNT],
        "label_smoothing": [_SHARE],
        "instance_noise": [_FROM_0],
        "solver": [StrOptions({"sgd", "adam", *NAMED}), Optimizer],
        "learning_rate": [StrOptions({"cosine", "constant"}), Schedule, callable],
        "learning_rate_init": [_POSITIVE, None],
        "discriminator_learning_rate_init": [_POSITIVE, None],
    }

    def __init__(
        self,
        generator: Sequence[Layer] | None = None,
        discriminator: Sequence[Layer] | None = None,
        latent: int = 64,
        loss: Literal["bce", "hinge", "least_squares", "wasserstein"] = "bce",
        *,
        penalty: float | None = None,
        spectral_norm: bool = False,
        clip: float = CLIP,
        discriminator_steps: int = 1,
        label_smoothing: float = 0.0,
        instance_noise: float = 0.0,
        solver: StochasticSolver = "adam",
        learning_rate: Literal["cosine", "constant"] | Rates = "cosine",
        learning_rate_init: float | None = None,
        discriminator_learning_rate_init: float | None = None,
        ema_decay: float | None = 0.999,
        batch_size: BatchSize = "auto",
        max_iter: int | Literal["auto"] = "auto",
        random_state: RandomState = None,
        verbose: bool | int = False,
        warm_start: bool = False,
        dtype: Dtype = "auto",
        n_jobs: int | None = None,
        max_time: float | None = None,
        diagnose: bool = False,
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

    def _default_list(self, name, axes):
        return default_generator(axes) if name == "generator" else default_discriminator(axes)

    @with_checked_parameters
    def initialize(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Builds both networks for the data and draws their first weights, without training.

        `partial_fit`, and `fit` with `warm_start=True`, continue from these weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their classes, all of which are known from then on.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `fit`.
        """
        return self._initialized(X, y)

    @with_checked_parameters
    @with_callbacks
    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Trains both networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their classes: samples are then made for classes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid, or the lists do not fit X. Also if the
            weights become infinite or NaN in the first pass; after a finite pass there is a
            warning, and the last finite weights are kept.
        """
        return self._play(X, y, incremental=False)

    @with_checked_parameters
    def partial_fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Trains for one pass over the given samples, continuing from the present weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their classes, all of which are in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `fit`.
        """
        return self._play(X, y, incremental=True)
