"""What a command says when the user can mend the matter."""


class UserError(Exception):
    """A mistake that the user can mend; the message is one line that says how.

    `main` prints it without a traceback and ends with exit code 2.
    """
