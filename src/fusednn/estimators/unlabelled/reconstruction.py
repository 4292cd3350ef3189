"""The methods of autoencoders: they are trained on X to give back X."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._set_output import _get_output_config

from fusednn.estimators.fitting.decorators import with_callbacks, with_checked_parameters
from fusednn.estimators.input.constraints import PATIENCE, SHARED
from fusednn.estimators.input.targets import real_targets
from fusednn.kernels.losses import row_of
from fusednn.layers import Layer
from fusednn.losses import REGRESSION, RegressionLoss
from fusednn.optimizers import NAMED, Optimizer
from fusednn.plan.folding import folded
from fusednn.schedules import Schedule
from fusednn.training.predict import predict

from .default_lists import default_decoder, default_encoder
from .paired import PairedNetwork, dense

if TYPE_CHECKING:
    from fusednn.serving.predictor import Predictor
    from fusednn.serving.types import FloatArray, MatrixLike

LOSSES = "squared_error", "absolute_error", "huber", "log_cosh"
"""The names of losses of which any number may be the target."""


class BaseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PairedNetwork):
    """Base class of autoencoders; not for direct use."""

    encoder_layers_: tuple[Layer, ...]
    decoder_layers_: tuple[Layer, ...]
    _fixed: ClassVar[dict[str, Any]] = {
        **PairedNetwork._fixed,
        "scoring": "loss",  # of a validation set
    }
    _diverged = (
        "The weights became infinite or NaN: lower learning_rate_init, or scale X, for example by"
        " StandardScaler."
    )
    _list_names = "encoder", "decoder"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED,
        "encoder": "no_validation",  # by `checked_list`
        "decoder": "no_validation",
        "solver": [StrOptions({"sgd", "adam", *NAMED}), Optimizer],
        "learning_rate": [StrOptions({"constant", "adaptive"}), Schedule, callable],
        "n_iter_no_change": PATIENCE,
        "loss": [StrOptions(set(LOSSES)), RegressionLoss],
    }

    def _default_list(self, name, axes):
        return default_encoder(axes) if name == "encoder" else default_decoder(axes)

    # -- targets -------------------------------------------------------------------------

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._validated(X, y, reset)
        samples = X.shape[0]
        if self.batch_size != "auto" and self.batch_size > samples and not incremental:
            raise ValueError(f"batch_size={self.batch_size} is more than the {samples} samples.")
        return X, y

    def _validated(self, X, y, reset, dtypes=None, **options):
        """X as rows, and the same again as targets."""
        X = self._checked_rows(X, reset, dtypes)
        return X, dense(X)

    def _checked_targets(self, y):
        return y

    def _encode(self, y, dtype):
        self.n_outputs_ = y.shape[1]
        loss = self._loss()
        return real_targets(y, np.dtype(dtype), self._loss_row().targets, type(loss).__name__)

    def _output_activation(self):
        return "identity"

    def _loss(self):
        return REGRESSION[self.loss] if isinstance(self.loss, str) else self.loss

    def _lowered_loss(self):
        return self._loss().lowered()

    def _loss_row(self):
        return row_of(self._lowered_loss()[0])

    def _outputs_per_target(self):
        return 1

    @property
    def _n_features_out(self):
        return prod(self._pair.middle)

    def _check_loss(self):
        """Raises ValueError for a loss that has other outputs than values of X."""
        row = self._loss_row()
        if row.link is not None or row.outputs_of_target(self._lowered_loss()[1]) != 1:
            raise ValueError(
                f"loss={self.loss!r} does not compare X with one output for each column."
            )

    def _check_structure(self):
        self._check_loss()

    def _check_single(self, X, y, reset):
        """Checks nothing, since there are no targets."""

    # -- public --------------------------------------------------------------------------

    @with_checked_parameters
    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: None = None,
        *,
        X_val: MatrixLike | None = None,
    ) -> Self:
        """Trains the network to give back X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : None
            Not used.
        X_val : like X, default=None
            A validation set, whose loss is computed after every epoch. With `early_stopping`
            nothing of X is held out then.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid, or the lists do not fit X; the estimator
            then stays unchanged. Also if the weights become infinite or NaN; the estimator then
            keeps the last finite weights.
        """
        return self._fit(X, None, validation=(X_val, X_val, None))

    @with_checked_parameters
    def partial_fit(self, X: MatrixLike, y: None = None) -> Self:
        """Trains for one epoch on the given samples, continuing from the present weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `fit`.
        """
        return self._fit(X, None, incremental=True)

    def transform(self, X: MatrixLike) -> FloatArray:
        """Returns the codes of samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_numbers)
            What the encoder gives, in the network's type; (n_samples, *axes) if it ends with
            axes.

        Raises
        ------
        ValueError
            If X is invalid, or `set_output` asks for a frame and the encoder ends with axes.
        """
        network, arrays = self._part_fitted(False)
        axes = self._pair.middle
        if len(axes) > 1 and _get_output_config("transform", self)["dense"] != "default":
            raise ValueError(
                f"Codes have axes {axes}, which a frame cannot hold: end encoder with Flatten(),"
                " or call set_output(transform='default')."
            )
        codes = predict(
            network,
            arrays,
            self._ready(X),
            n_jobs=self.n_jobs,
            device=self.device,
            answer="logits",
        )
        return codes.reshape(len(codes), *axes)

    def inverse_transform(self, X: MatrixLike) -> FloatArray:
        """Returns the samples that the decoder makes of codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_numbers)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the network's type; (n_samples, *axes) if X had axes in `fit`.

        Raises
        ------
        ValueError
            If the codes are invalid, or have another number of columns.
        """
        network, arrays = self._part_fitted(True)
        dtype, wanted = self._network_dtype(), prod(self._pair.middle)
        with np.errstate(over="ignore"):
            codes = check_array(X, dtype=dtype, allow_nd=True, estimator=self, input_name="X")
        codes = codes.reshape(len(codes), -1)
        if codes.shape[1] != wanted:
            raise ValueError(
                f"X has codes of {codes.shape[1]} numbers, but the decoder takes {wanted}."
            )
        found = predict(
            network, arrays, codes, n_jobs=self.n_jobs, device=self.device, answer="logits"
        )
        return self._in_axes(found)

    def score_samples(self, X: MatrixLike) -> FloatArray:
        """Returns minus the reconstruction error of samples: the lower, the more unusual.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.

        Returns
        -------
        ndarray of float64, of shape (n_samples,)
            Minus the mean over the columns of the squared differences between X and what the
            network gives back, whatever `loss` is.

        Raises
        ------
        ValueError
            If X is invalid.
        """
        self._check_fitted()
        X = self._ready(X)
        network, arrays = folded(self._network(), self._typed_parameters())
        back = predict(network, arrays, X, n_jobs=self.n_jobs, device=self.device, answer="logits")
        return -np.square(back.astype(float) - dense(X)).mean(axis=1)

    def score(self, X: MatrixLike, y: None = None) -> float:
        """Returns the mean of `score_samples`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : None
            Not used.

        Returns
        -------
        float
            Minus the mean squared difference between X and what the network gives back.
        """
        return float(self.score_samples(X).mean())

    @property
    def encoder_(self) -> Predictor:
        """A frozen copy of the encoder; `predict` gives the codes."""
        return self._predictor(False, reads_X=True)

    @property
    def decoder_(self) -> Predictor:
        """A frozen copy of the decoder; `predict` gives samples from codes."""
        return self._predictor(True, reads_X=False)

    def _part_fitted(self, second: bool):
        self._check_fitted()
        return self._part(second)
