"""`DiagnosisDisplay`: gradients and outputs of each layer over the passes, drawn."""

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
    """Norms of the gradients and deviations of the outputs of each layer, over the passes.

    `from_estimator` is the usual way to make one.

    Parameters
    ----------
    gradient_norms : array-like of shape (n_passes, n_weighted_layers)
    activation_stats : array-like of shape (n_passes, n_layers, 3)
    layers : list of str
        Names of the layers.
    weighted_layers : list of str
        Names of those with weights.
    estimator_name : str, optional
        The title.

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        Of the gradients, of the outputs.
    figure_ : matplotlib Figure
    gradient_lines_, activation_lines_ : list of matplotlib Line2D
        One for each layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import DiagnosisDisplay, MLPClassifier
    >>> clf = MLPClassifier(max_iter=500, diagnose=True, random_state=0)
    >>> clf = clf.fit(*load_iris(return_X_y=True))
    >>> display = DiagnosisDisplay.from_estimator(clf)  # doctest: +SKIP
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
        """Draws what a network fitted with `diagnose=True` has kept.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, NetworkClassifier or NetworkRegressor
        name : str, optional
            Instead of the class's.
        ax : sequence of two matplotlib Axes, optional
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        DiagnosisDisplay

        Raises
        ------
        NotFittedError
        AttributeError
            If the estimator was fitted without `diagnose`.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "gradient_norms_"):
            raise AttributeError(
                f"{type(estimator).__name__} has no gradient_norms_: only a fit with diagnose=True"
                " leaves them."
            )
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
        """Draws the lines; a norm of 0 is left out of the logarithmic axis.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, optional
            Instead of those of a new figure.
        name : str, optional
            Instead of `estimator_name`.
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        DiagnosisDisplay
            Itself.
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
