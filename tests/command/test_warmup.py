"""`fusednn warmup`: what it compiles is all that later processes need, wherever the cache lies."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest
from fusednn.kernels._cachedir import kernel_directory

import fusednn
from fusednn.command.main import main
from fusednn.command.subcommands import warmup
from fusednn.estimators.deployment.warmup import rehearsals

COMMAND = "import sys; from fusednn.command.main import main; sys.exit(main())"
SECONDS = 200

# A process that fits and predicts with the estimators of a list, and says what it compiled.
USE = """
import json, os, sys, warnings
import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from fusednn import MLPClassifier, MLPRegressor
from fusednn.kernels._cache import statistics

if len(sys.argv) > 2:
    os.seteuid(int(sys.argv[2]))
warnings.simplefilter("error")
warnings.simplefilter("ignore", ConvergenceWarning)

def use(model, X, y):
    model.fit(X, y)
    for rows in (1, 64, 65, len(y)):
        model.predict(X[:rows])

def data(rows, dtype="f8"):
    X = np.random.default_rng(0).standard_normal((rows, 30)).astype(dtype)
    return X, np.arange(rows) % 5

exec(sys.argv[1])
print(json.dumps(statistics()))
"""

CLASSIFIER = """
def classify(dtype):
    X, y = data(300, dtype)
    use(MLPClassifier(max_iter=2), X, y)
    use(MLPClassifier((50, 20), max_iter=2, early_stopping=True, n_jobs=2), X, y > 2)
    use(MLPClassifier((), max_iter=2), X, np.stack([y > 1, y > 2], axis=1).astype(int))

classify("f4")
"""

DEFAULTS = f"""
{CLASSIFIER}
classify("f8")
for dtype in ("f4", "f8"):
    X, y = data(300, dtype)
    Y = np.stack([y > 1, y > 2], axis=1)
    use(MLPRegressor(max_iter=2, early_stopping=True), X, y)
    use(MLPRegressor(max_iter=2, batch_size=7), X, Y.astype(float))
    MLPRegressor().partial_fit(X, y, sample_weight=np.ones(len(y)))
"""

MODULE = """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from fusednn import MLPRegressor

def model():
    network = MLPRegressor("poisson", (20,), "tanh", solver="sgd", batch_size=5000,
                           learning_rate_init=1e-4, dtype="float32", max_iter=2)
    return make_pipeline(MaxAbsScaler(), network)
"""

USE_MODULE = """
sys.path.insert(0, os.getcwd())
from module import model
X, y = data(6000)
use(model(), X, y)
use(model(), scipy.sparse.csr_matrix(X * (X > 1)), y)
"""


def start(code, *arguments, folder, cwd=None, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FUSEDNN_", "NUMBA_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=cwd,
        env={**kept, "FUSEDNN_CACHE_DIR": str(folder), **environment},
    )


def command(*arguments, folder, **environment):
    return start(COMMAND, "warmup", *arguments, folder=folder, **environment)


def counts(*arguments, **options):
    done = start(USE, *arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def readable_by_all(*modules):
    """Whether no folder above keeps other users from the modules, as under /root."""
    files = [Path(module.__file__) for module in modules]
    return all(folder.stat().st_mode & 0o5 == 0o5 for file in files for folder in file.parents)


def only_loads(found):
    return found["hits"] > 0 and found["misses"] == found["failures"] == found["saved"] == 0


def filled(tmp_path_factory, last, *arguments):
    """A cache that a process has filled, which names what it compiled `last`."""
    folder = tmp_path_factory.mktemp("warm") / "kernels"
    done = command(*arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert last in done.stdout
    said = re.search(
        r"^compiled (\d+) and loaded 0 kernels in \d+\.\d s\ndirectory    (.*)\n\Z",
        done.stdout,
        re.MULTILINE,
    )
    assert len(list(Path(said[2]).glob("*.kernel"))) == int(said[1])
    assert Path(said[2]).parent == folder
    return folder


NETWORK = "classifier", "--dtype", "float32"
REMEDY = r"fusednn: [^\n]+`fusednn warmup`[^\n]+\n"


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache with what the network needs, begun with what this process has kept."""
    folder = tmp_path_factory.mktemp("warm") / "kernels"
    kept = Path(kernel_directory(create=True))
    shutil.copytree(kept, folder / kept.name, ignore=shutil.ignore_patterns("*.tmp"))
    done = command(*NETWORK, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.long
def test_a_network_compiles_nothing_afterwards(tmp_path_factory):
    folder = filled(tmp_path_factory, "2/2  MLPClassifier relu adam float32", *NETWORK)
    assert only_loads(counts(CLASSIFIER, folder=folder))


@pytest.mark.long
def test_defaults_compile_nothing_afterwards(tmp_path_factory):
    folder = filled(tmp_path_factory, "6/6  MLPRegressor relu adam float64")
    assert only_loads(counts(DEFAULTS, folder=folder))


def test_check(warm, tmp_path):
    done = command("--check", *NETWORK, folder=warm)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"all \d+ kernels are in [^\n]+\n", done.stdout)
    folder = shutil.copytree(warm, tmp_path / "kernels")
    next(folder.rglob("*adam_f32*.kernel")).unlink()
    files = sorted(folder.rglob("*"))
    done = command("--check", *NETWORK, folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(REMEDY, done.stderr)
    assert sorted(folder.rglob("*")) == files


def test_check_of_no_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path / "none"))
    assert main(["warmup", "--check"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(REMEDY, error)
    assert not (tmp_path / "none").exists()


def test_demo_says_that_it_compiles(warm, tmp_path):
    folder = shutil.copytree(warm, tmp_path / "kernels")
    next(folder.rglob("*adam_f32*.kernel")).unlink()
    done = start(COMMAND, *("demo", "--epochs", "1", "--no-sklearn"), folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "(cached for the next run)" in done.stdout
    assert list(folder.rglob("*adam_f32*.kernel"))


def test_cache_is_shown_and_cleared(warm, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(warm, tmp_path / "kernels")
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(folder))

    def cache(*options):
        assert main(["cache", *options]) == 0
        return capsys.readouterr().out

    shown = cache()
    assert f"directory    {folder}" in shown
    count = len(list(folder.rglob("*.kernel")))
    assert re.search(rf"this state +{count} kernels, [1-9]", shown)
    assert "1 directory of kernels" in cache("--clear")
    assert "this state   0 kernels, 0.0 MB" in cache()


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and users")
def test_read_only_cache_at_another_path_for_another_user(warm):
    """As an image has it: filled by root, read by a user who has no home and cannot write."""
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        folder = shutil.copytree(warm, Path(parent) / "elsewhere")
        for path in (*folder.rglob("*"), folder):
            path.chmod(path.stat().st_mode & 0o555)
        user = ["65534"] if os.geteuid() == 0 and readable_by_all(fusednn, numba) else []
        try:
            assert only_loads(counts(CLASSIFIER, *user, folder=folder, HOME="/nonexistent"))
        finally:
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o755)


@pytest.mark.long
def test_an_estimator_of_a_module(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    here = {"folder": tmp_path / "kernels", "cwd": tmp_path}
    done = command("module:model", "--sparse", **here)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1/1  MLPRegressor tanh sgd float32" in done.stdout
    assert only_loads(counts(USE_MODULE, **here))


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_unusable_directory_is_one_line(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    for option, code in ([], 2), (["--check"], 1):
        assert main(["warmup", *option]) == code
        out, error = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"fusednn: [^\n]+FUSEDNN_CACHE_DIR[^\n]+\n", error)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["transformer"], "'transformer' is not classifier, regressor or MODULE:NAME"),
        (["nowhere:model"], "No module named 'nowhere'"),
        (["os:model"], "no attribute 'model'"),
        (["os:sep"], "os:sep is not an estimator"),
        (["os:getcwd"], "os:getcwd() did not return an estimator"),
        (["sklearn.cluster:KMeans"], "there is no network of fusednn in KMeans()"),
        (["--activation", "relu,sine"], "'activation' parameter of MLPClassifier must be"),
        (["--dtype", "int8"], "invalid choice: 'int8'"),
        (["--nonsense"], "--nonsense"),
        (["fusednn:MLPClassifier", "--activation", "tanh"], "--activation is for classifier and"),
        (["classifier", "--loss", "poisson"], "--loss is for regressor only"),
        (["os:path.join"], "os:path.join cannot be imported"),
        (["os:getenv"], "os:getenv() failed: TypeError: "),
        (["broken:model"], "broken:model cannot be imported: invalid syntax"),
    ],
)
def test_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, expected):
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("model = =")
    assert main(["warmup", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert expected in said.err
    assert re.fullmatch(r"fusednn: [^\n]+\n", said.err)


def test_options_are_multiplied():
    parser = argparse.ArgumentParser()
    warmup.add_arguments(parser)
    options = parser.parse_args(
        ["--activation", "relu,tanh", "--solver", "sgd", "--loss", "squared_error,poisson"]
    )
    found = [(type(e).__name__, e.activation, e.solver) for e in warmup._estimators(options)]
    assert found == [
        *[("MLPClassifier", activation, "sgd") for activation in ("relu", "tanh")],
        *[("MLPRegressor", activation, "sgd") for activation in ("relu", "relu", "tanh", "tanh")],
    ]


@pytest.mark.parametrize("given", ["classifier", None, fusednn.MLPClassifier, []])
def test_function_refuses_what_is_no_estimator(given):
    with pytest.raises(TypeError, match="an estimator is needed, not "):
        fusednn.warmup(given)


def test_function_leaves_the_estimator_as_it_was():
    model = fusednn.MLPClassifier((3,), dtype="float32", batch_size=10**9, early_stopping=True)
    before = dict(vars(model))
    names = [name for name, _ in rehearsals(model)]
    assert names == [f"MLPClassifier relu adam float32 {n} classes" for n in (2, 5)]
    done = fusednn.warmup(fusednn.MLPRegressor(dtype="float32"))
    assert set(done) == {"compiled", "loaded", "kept"}
    assert vars(model) == before
