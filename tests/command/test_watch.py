"""Ctrl-C ends a command even where Python loses it."""

import io
import signal
import threading
from types import SimpleNamespace

import pytest

from fusednn.command.terminal.watch import EpochBar, interruptible
from fusednn.training.progress_bar import ProgressBar


def lose_an_interrupt():
    """As the callback of a weak reference does."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return
    raise AssertionError("nothing was raised")


def test_the_next_pass_is_not_begun():
    bar = EpochBar(ProgressBar("training", 5, io.StringIO()))
    progress = SimpleNamespace(n_iter=1, loss=0.5, validation_loss_curve=None)

    def fit():
        with interruptible():
            bar.begin()
            bar.end(progress, None)
            lose_an_interrupt()
            with pytest.raises(KeyboardInterrupt):
                bar.begin()

    with pytest.raises(KeyboardInterrupt):
        fit()
    with interruptible():  # what was before does not count
        bar.begin()


def test_what_was_lost_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), interruptible():
        lose_an_interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_others_stay():
    seen = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with interruptible():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [signal.SIGINT]


def test_other_threads_leave_handlers_alone():
    found = []

    def work():
        with interruptible():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
