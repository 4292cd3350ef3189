"""`LossCurveDisplay`: plots the losses and scores of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class LossCurveDisplay:
    """Plots training losses, validation losses and validation scores over the epochs.

    Requires matplotlib. Usually made by `from_estimator`.

    Parameters
    ----------
    losses : list of float
        Training loss of each epoch.
    validation_losses : list of float, optional
        Loss on the validation set after each epoch.
    validation_scores : list of float, optional
        Score on the validation set after each epoch; has its own axis.
    estimator_name : str, optional
        The beginning of the labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axis of the losses.
    score_ax_ : matplotlib Axes or None
        The axis of the scores.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Training losses, validation losses and scores, those that exist.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import LossCurveDisplay, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([16], early_stopping=True, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['MLPClassifier: training loss', 'MLPClassifier: validation score']
    """

    ax_: Axes
    score_ax_: Axes | None
    figure_: Figure | SubFigure
    lines_: list[Line2D]

    def __init__(
        self,
        *,
        losses: Sequence[float],
        validation_losses: Sequence[float] | None = None,
        validation_scores: Sequence[float] | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.losses = losses
        self.validation_losses = validation_losses
        self.validation_scores = validation_scores
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plots the curves of a fitted network.

        Parameters
        ----------
        estimator : estimator
            Fitted by another solver than "lbfgs". scikit-learn's MLPs work too.
        name : str, optional
            The beginning of the labels. By default the name of the class.
        ax : matplotlib Axes, optional
            By default the Axes of a new figure.
        **kwargs
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the estimator has no loss curve.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "loss_curve_"):
            why = "the solver 'lbfgs' does not make one"
            if hasattr(estimator, "history_"):
                why = "its history_ has the losses of both networks"
            raise AttributeError(f"{type(estimator).__name__} has no loss_curve_: {why}.")
        display = cls(
            losses=estimator.loss_curve_,
            validation_losses=getattr(estimator, "validation_loss_curve_", None),
            validation_scores=getattr(estimator, "validation_scores_", None),
            estimator_name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Plots the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default the Axes of a new figure.
        name : str, optional
            The beginning of the labels. By default `estimator_name`.
        **kwargs
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay
            The object itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "LossCurveDisplay.plot requires matplotlib. You can install matplotlib with"
                " `pip install matplotlib`"
            ) from error
        if ax is None:
            _, ax = plt.subplots()
        name = self.estimator_name if name is None else name
        prefix = f"{name}: " if name else ""
        self.ax_, self.figure_, self.score_ax_ = ax, ax.figure, None
        self.lines_ = []

        def draw(axes, values, label, **style):
            passes = range(1, len(values) + 1)
            options = {"label": prefix + label, **style, **kwargs}
            self.lines_ += axes.plot(passes, values, **options)

        draw(ax, self.losses, "training loss")
        if self.validation_losses:
            draw(ax, self.validation_losses, "validation loss")
        ax.set(xlabel="Epoch", ylabel="Loss")
        if self.validation_scores:
            self.score_ax_ = ax.twinx()
            draw(self.score_ax_, self.validation_scores, "validation score", ls="--", color="C2")
            self.score_ax_.set_ylabel("Score")
        ax.legend(handles=self.lines_)
        return self
