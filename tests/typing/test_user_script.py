"""The program that mypy checks also runs: its types are of calls that work."""

import warnings

import user_script
from sklearn.exceptions import ConvergenceWarning


def test_it_runs(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # two passes each
        user_script.main()
    assert "[0, 1, 2]" in capsys.readouterr().out
