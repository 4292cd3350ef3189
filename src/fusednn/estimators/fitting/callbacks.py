"""scikit-learn's callbacks: one task for the fit, and one subtask for each pass."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # the import above found none
        """An empty class, since this scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Returns the method unchanged."""
        return method


__all__ = ["CallbackSupportMixin", "watched", "with_callbacks"]


@contextmanager
def watched(estimator, X, y, sample_weight):
    """Yields a watcher that calls the estimator's callbacks, or None if it has no callbacks.

    The callbacks get the data that `fit` was given, unchecked.
    """
    if not (hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")):
        yield None
        return
    told = {
        "estimator": estimator,
        "X": X,
        "y": y,
        "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
    }
    # L-BFGS begins one iteration that it does not end
    more = int(estimator.solver == "lbfgs")
    passes = None if estimator.max_iter == "auto" else estimator.max_iter + more
    context = estimator._init_callback_context(max_subtasks=passes)
    context.call_on_fit_task_begin(**told)
    watcher = _Passes(estimator, context, told)
    try:
        yield watcher
    finally:
        watcher.close()
    context.call_on_fit_task_end(**told, reconstruction_attributes={})


class _Passes:
    """A watcher of a fit (`training.progress.Watcher`) with a subtask for each pass."""

    def __init__(self, estimator, context, told):
        self._estimator, self._fit, self._told = estimator, context, told
        self._open: Any = None

    def begin(self):
        self._open = self._fit.subcontext(task_name="epoch")
        self._open.call_on_fit_task_begin(**self._told)

    def end(self, progress, parameters):
        def attributes():
            return {
                **self._estimator._parameter_attributes(parameters()),
                "n_iter_": progress.n_iter,
                "loss_": progress.loss,
                "loss_curve_": list(progress.loss_curve),
            }

        context, self._open = self._open, None
        return context.call_on_fit_task_end(**self._told, reconstruction_attributes=attributes)

    def close(self):
        """Ends the subtask of a pass that did not finish."""
        if self._open is not None:
            self._open.call_on_fit_task_end(estimator=self._estimator)
            self._open = None
