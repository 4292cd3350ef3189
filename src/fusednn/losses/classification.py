"""Losses of classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .loss import ClassificationLoss, check


@dataclass(frozen=True)
class CrossEntropy(ClassificationLoss):
    """The negative log-likelihood of the labels, optionally with label smoothing.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share of each sample, in [0, 1], that is distributed evenly over all classes. For
        multilabel targets: evenly over the presence and absence of each label. Without smoothing
        the reported loss is bounded, since it clips probabilities as scikit-learn does; with
        smoothing it is not.

    References
    ----------
    Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016,
    section 7 (label smoothing).

    Examples
    --------
    Three of four samples have the label 0. Smoothing moves probabilities towards 1/2:

    >>> import numpy as np
    >>> from fusednn import MLPClassifier, losses
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> for share in (0.0, 0.2):
    ...     loss = losses.CrossEntropy(label_smoothing=share)
    ...     model = MLPClassifier([], solver="lbfgs", loss=loss).fit(X, y)
    ...     print(model.predict_proba([[0.0]]).round(2).tolist())
    [[0.75, 0.25]]
    [[0.7, 0.3]]
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check(self, "label_smoothing", lambda share: 0 <= share <= 1, "[0.0, 1.0]")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        share = float(self.label_smoothing)
        return (f"{link}_smoothed", (share,)) if share else (link, ())


@dataclass(frozen=True)
class Focal(ClassificationLoss):
    """The focal loss: (1 - p)^gamma times the cross-entropy, with the label's probability p.

    The probabilities are less extreme than those of the cross-entropy. Use `class_weight` in place
    of the paper's alpha.

    Parameters
    ----------
    gamma : float, default=2.0
        At least 0, which is the cross-entropy. The larger gamma, the less easy samples count.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017,
    equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPClassifier, losses
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> model = MLPClassifier([], solver="lbfgs", loss=losses.Focal(gamma=2.0)).fit(X, y)
    >>> model.predict_proba([[0.0]]).round(2).tolist()
    [[0.6, 0.4]]
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        check(self, "gamma", lambda gamma: 0 <= gamma < math.inf, "[0.0, inf)")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        return f"{link}_focal", (float(self.gamma),)
