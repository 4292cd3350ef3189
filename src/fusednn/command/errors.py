"""What a command says on standard error: one line, what to do in it."""

import sys


class UserError(Exception):
    """A mistake that the user can mend; the message is one line that says how.

    `main` prints it without a traceback and ends with `exit_code`.
    """

    exit_code = 2


class CheckFailed(UserError):
    """What was to be checked is not so."""

    exit_code = 1


def complain(message: object) -> None:
    """
    Print one line on standard error.

    Parameters
    ----------
    message : object
        Its text, or the name of its type where that is empty.
    """
    text = " ".join(str(message).split()) or type(message).__name__
    print(f"fusednn: {text}", file=sys.stderr, flush=True)
