"""`DiagnosisDisplay`: plots the gradients and outputs of each layer over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike


class DiagnosisDisplay:
    """Plots each layer's gradient norms and standard deviations of outputs, over the epochs.

    Requires matplotlib. Usually made by `from_estimator`.

    Parameters
    ----------
    gradient_norms : array-like of shape (n_epochs, n_weighted_layers)
        Euclidean norms of the loss's gradients by the weights.
    activation_stats : array-like of shape (n_epochs, n_layers, 3)
        Mean, standard deviation, and share of dead or saturated units of each layer's outputs.
    layers : list of str
        Names of the layers.
    weighted_layers : list of str
        Names of the layers with weights.
    estimator_name : str, optional
        The title.

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        The plot of the gradients and the plot of the outputs.
    figure_ : matplotlib Figure
    gradient_lines_, activation_lines_ : list of matplotlib Line2D
        A line for each layer.

    See Also
    --------
    DiagnosisWarning : Says which of the known problems a fit has.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import DiagnosisDisplay, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([16, 16], diagnose=True, standardize=True, max_iter=1000)
    >>> model = model.set_params(learning_rate_init=0.02, random_state=0).fit(X, y)
    >>> display = DiagnosisDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.gradient_lines_]
    ['hidden 0', 'hidden 1', 'output']
    """

    axes_: np.ndarray
    figure_: Figure | SubFigure
    gradient_lines_: list[Line2D]
    activation_lines_: list[Line2D]

    def __init__(
        self,
        *,
        gradient_norms: ArrayLike,
        activation_stats: ArrayLike,
        layers: Sequence[str],
        weighted_layers: Sequence[str],
        estimator_name: str | None = None,
    ) -> None:
        self.gradient_norms = gradient_norms
        self.activation_stats = activation_stats
        self.layers = layers
        self.weighted_layers = weighted_layers
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Sequence[Axes] | np.ndarray | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plots the statistics of a network that was fitted with `diagnose=True`.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, NetworkClassifier or NetworkRegressor
        name : str, optional
            The title. By default the name of the class.
        ax : sequence of two matplotlib Axes, optional
            By default the Axes of a new figure.
        **kwargs
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        DiagnosisDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the estimator was fitted without `diagnose`.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "gradient_norms_"):
            remedy = "fit it with diagnose=True"
            if not hasattr(estimator, "loss_curve_") and hasattr(estimator, "history_"):
                remedy = "its history_ shows how a game goes"
            raise AttributeError(f"{type(estimator).__name__} has no gradient_norms_: {remedy}.")
        display = cls(
            gradient_norms=estimator.gradient_norms_,
            activation_stats=estimator.activation_stats_,
            layers=estimator.diagnosed_layers_,
            weighted_layers=estimator.diagnosed_weights_,
            estimator_name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Sequence[Axes] | np.ndarray | None = None,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plots the lines. The logarithmic axis leaves out norms of 0.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, optional
            By default the Axes of a new figure.
        name : str, optional
            The title. By default `estimator_name`.
        **kwargs
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        DiagnosisDisplay
            The object itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` does not have two Axes.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "DiagnosisDisplay.plot requires matplotlib. You can install matplotlib with"
                " `pip install matplotlib`"
            ) from error
        pair: Any = ax
        if pair is None:
            _, pair = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        if np.size(pair) != 2:
            raise ValueError(f"ax must be two Axes, got {np.size(pair)}.")
        self.axes_ = np.ravel(pair)
        gradients, outputs = self.axes_
        self.figure_ = gradients.figure
        name = self.estimator_name if name is None else name

        def draw(axes, values, layers, title):
            colors = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(layers)))
            passes = np.arange(1, len(values) + 1)
            lines = []
            for column, layer, color in zip(np.transpose(values), layers, colors, strict=True):
                lines += axes.plot(passes, column, **{"label": layer, "color": color, **kwargs})
            axes.set(xlabel="Epoch", ylabel=title, title=name or "")
            return lines

        norms = np.asarray(self.gradient_norms)
        self.gradient_lines_ = draw(
            gradients, np.where(norms > 0, norms, np.nan), self.weighted_layers, "Gradient norm"
        )
        if (norms > 0).any():
            gradients.set_yscale("log")
        deviations = np.asarray(self.activation_stats)[..., 1]
        self.activation_lines_ = draw(
            outputs, deviations, self.layers, "Standard deviation of outputs"
        )
        for axes in self.axes_:
            axes.legend(fontsize="x-small")
        return self
