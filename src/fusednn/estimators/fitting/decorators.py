"""scikit-learn's decorators of methods. Here they keep the types of what they decorate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import _fit_context
from sklearn.utils import metaestimators

from . import callbacks

Method = TypeVar("Method", bound=Callable[..., Any])


def with_checked_parameters(method: Method) -> Method:
    """Checks the estimator's parameters before each call; nested estimators skip the check."""
    return _fit_context(prefer_skip_nested_validation=True)(method)


def with_callbacks(method: Method) -> Method:
    """Runs scikit-learn's callbacks of the estimator; for `fit`."""
    return callbacks.with_callbacks(method)


def available_if(check: Callable[[Any], Any]) -> Callable[[Method], Method]:
    """Offers the method only if `check(estimator)` is true and raises no AttributeError."""
    return metaestimators.available_if(check)
