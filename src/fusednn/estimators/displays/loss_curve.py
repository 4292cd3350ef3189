"""`LossCurveDisplay`: how a fit went, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class LossCurveDisplay:
    """Losses, and where there are some the validation's losses and scores, over the passes.

    `from_estimator` is the usual way to make one.

    Parameters
    ----------
    losses : list of float
        Training loss of each pass.
    validation_losses : list of float, optional
        Loss on the validation set.
    validation_scores : list of float, optional
        Scores on the validation set, drawn against an axis of their own.
    estimator_name : str, optional
        Begins the labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Of the losses.
    score_ax_ : matplotlib Axes or None
        Of the scores.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Losses, validation losses, scores.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import LossCurveDisplay, MLPClassifier
    >>> clf = MLPClassifier(max_iter=500, random_state=0).fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(clf)  # doctest: +SKIP
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
        """Draws the curves of a fitted network.

        Parameters
        ----------
        estimator : a fitted network
            Fitted by "sgd" or "adam"; scikit-learn's own will do.
        name : str, optional
            Instead of the class's.
        ax : matplotlib Axes, optional
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
        AttributeError
            If the estimator has no loss curve.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "loss_curve_"):
            raise AttributeError(
                f"{type(estimator).__name__} has no loss_curve_: only the solvers 'sgd' and 'adam'"
                " leave one."
            )
        display = cls(
            losses=estimator.loss_curve_,
            validation_losses=getattr(estimator, "validation_loss_curve_", None),
            validation_scores=getattr(estimator, "validation_scores_", None),
            estimator_name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Draws the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Instead of a new figure's.
        name : str, optional
            Instead of `estimator_name`.
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay
            Itself.
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
