"""Warnings of fusednn's own."""


class DiagnosisWarning(UserWarning):
    """A network with `diagnose=True` shows a trouble that the textbooks name."""
