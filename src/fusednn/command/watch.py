"""How the commands call a fit: its warnings and errors are for them to word."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UserError, complain

INTERRUPTED = "Training interrupted by user."


@contextmanager
def interruptible() -> Iterator[None]:
    """
    Call estimators as a command should.

    An estimator that Ctrl-C stopped keeps its weights and warns; here that ends the command.
    That the last epoch was reached is no news; other warnings are told in one line each, and
    input it refuses is the user's to mend.

    Raises
    ------
    KeyboardInterrupt
        After a fit that was interrupted.
    UserError
        In place of a ValueError.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except ValueError as error:
            raise UserError(str(error)) from error
    if any(INTERRUPTED in str(warning.message) for warning in caught):
        raise KeyboardInterrupt
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            complain(f"warning: {warning.message}")
