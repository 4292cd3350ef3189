"""The command `fusednn`: in this process, and as a user runs it where the process matters."""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points

import numpy as np
import pytest
from test_datasets import NUMBERS, idx_bytes, write_idx_folder

from fusednn import versions
from fusednn.command.main import main
from fusednn.command.subcommands import compare, demo
from fusednn.training import progress_bar as progress

COMMAND = [
    sys.executable,
    "-W",
    "error",
    "-c",
    "import sys; from fusednn.command.main import main; sys.exit(main())",
]
SECONDS = 120
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX terminals and signals")


def run(*arguments, **environment):
    """The command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, **environment},
    )


def succeed(capsys, *arguments):
    code, (out, error) = main([*map(str, arguments)]), capsys.readouterr()
    assert (code, error) == (0, "")
    return out


def fail(capsys, *arguments):
    code, (_, error) = main(arguments), capsys.readouterr()
    assert code == 2, error
    assert re.fullmatch(r"fusednn: [^\n]+\n", error)
    return error


def accuracy(output):
    return float(re.search(r"^test (?:accuracy|R\^2) (\S+);", output, re.MULTILINE)[1])


# -- demo --------------------------------------------------------------------------------


def test_demo_on_digits():
    done = run("demo", "--epochs", 10, "--jobs", 1)
    assert (done.returncode, done.stderr) == (0, "")
    output = done.stdout
    assert output.startswith("digits: 1,347 training and 450 test images of 8 x 8, 10 classes\n")
    assert "network 64-128-64-10 (17,226 parameters)" in output
    assert re.search(r"^(compiled|loaded compiled) kernels in \d+\.\d s", output, re.MULTILINE)
    bars = re.findall(r"^training \[[#.]{30}\] (\d+)/10  loss \d\.\d{4}", output, re.MULTILINE)
    assert bars == ["2", "4", "6", "8", "10"]
    assert accuracy(output) > 0.9
    assert re.search(r"; \d+\.\d\d s, [\d,]+ samples per second", output)
    own, peer = re.findall(r"^(?:fusednn|scikit-learn) +10 .* (\S+)$", output, re.MULTILINE)
    assert float(own) == pytest.approx(float(peer), abs=0.02)
    assert re.search(r"^scikit-learn takes \d+\.\d times as long per epoch$", output, re.MULTILINE)


def test_demo_says_that_it_compiles_nothing(capsys):
    for _ in range(2):
        output = succeed(capsys, "demo", "--epochs", 1, "--no-sklearn")
    assert "loaded compiled kernels in" in output


def test_demo_takes_its_options(capsys):
    output = succeed(
        capsys,
        *("demo", "--epochs", 2, "--hidden", "7,5", "--batch", 50, "--dtype", "float64"),
        *("--seed", 3, "--no-sklearn"),
    )
    assert "network 64-7-5-10 (555 parameters), ReLU, Adam, batches of 50, float64" in output
    assert "scikit-learn" not in output


@pytest.mark.parametrize("compress", [True, False])
def test_demo_on_idx_folder(tmp_path, capsys, compress):
    folder = write_idx_folder(tmp_path / "rows", compress)
    output = succeed(capsys, "demo", "--data", folder, "--no-sklearn")
    assert "rows: 60 training and 20 test images of 4 x 3, 3 classes" in output
    assert accuracy(output) > 0.9


def test_demo_on_csv_with_words_and_missing_values(tmp_path, capsys):
    path = tmp_path / "shop.csv"
    rows = [
        f"{i % 10},{('a', 'b', '')[i % 3]},{'yes' if i % 10 > 4 else 'no'}" for i in range(200)
    ]
    path.write_text("price,shop,sold\n" + "\n".join(rows))
    output = succeed(capsys, "demo", "--data", path, "--target", "sold")
    assert "target: column 'sold'" in output
    assert "66 missing values" in output
    assert accuracy(output) > 0.9


def test_demo_on_csv_regression(tmp_path, capsys):
    path = tmp_path / "line.csv.gz"
    rows = [f"{i},{i * i % 11},{3.5 * i + i * i % 11}" for i in range(300)]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    output = succeed(capsys, "demo", "--data", path, "--no-sklearn")
    assert "target: column 2 (there is no header)" in output
    assert accuracy(output) > 0.9


@pytest.fixture
def bad_files(tmp_path):
    """A folder of inputs that nothing can be learned from."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "one.csv").write_text("a\n1\n2\n")
    (tmp_path / "good.csv").write_text(NUMBERS)
    (tmp_path / "huge.csv").write_text("".join(f"{i}e300,{-i}e307,{i % 2}\n" for i in range(20)))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(NUMBERS.encode())[:-12])
    images = write_idx_folder(tmp_path / "set", False) / "train-images-idx3-ubyte"
    images.write_bytes(b"\x89PNG" + images.read_bytes()[4:])
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "nowhere.csv"], "there is no file or folder nowhere.csv"),
        (["--data", "empty.csv"], "is empty"),
        (["--data", "one.csv"], "only one column"),
        (["--data", "good.csv", "--target", "x"], "no column 'x'"),
        (["--data", "cut.csv.gz"], "damaged or incomplete"),
        (["--data", "huge.csv"], "too large for float32"),
        (["--data", "set"], "is not an idx file"),
        (["--data", "."], "has no train-images-idx3-ubyte"),
        (["--target", "x"], "--target needs --data"),
        (["--epochs", "0"], "0 is less than 1"),
        (["--epochs", "x"], "invalid whole number value: 'x'"),
        (["--hidden", "8,,8"], "not a list of sizes"),
        (["--jobs", "0"], "0 threads"),
        (["--seed", "-1"], "not between"),
        (["--dtype", "int8"], "invalid choice: 'int8'"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_demo_refuses_in_one_line(bad_files, monkeypatch, capsys, arguments, expected):
    monkeypatch.chdir(bad_files)
    assert expected in fail(capsys, "demo", *arguments)


@posix
@pytest.mark.long
def test_ctrl_c_ends_the_demo(tmp_path):
    folder = tmp_path / "noise"
    folder.mkdir()
    random = np.random.RandomState(0)
    for name, shape in (("images-idx3", (20_000, 20, 20)), ("labels-idx1", (20_000,))):
        content = random.randint(0, 10, shape).astype(np.uint8)
        (folder / f"train-{name}-ubyte").write_bytes(idx_bytes(content))
    process = subprocess.Popen(
        [*COMMAND, "demo", "--data", str(folder), "--epochs", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if "compiled kernels" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert (process.returncode, errors) == (130, "fusednn: interrupted\n")


@posix
@pytest.mark.long
def test_demo_with_its_reader_gone():
    process = subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(SECONDS) == 141


# -- progress and comparison -------------------------------------------------------------


class Terminal:
    """A text file that says whether it is a terminal, and keeps what was written."""

    def __init__(self, is_terminal):
        self.is_terminal, self.text = is_terminal, ""

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def show(terminal, total, until):
    now = [0.0]
    bar = progress.ProgressBar("training", total, terminal, lambda: now[0])
    for done in range(1, until + 1):
        now[0] += 0.04
        bar.update(done, f"loss {1 / done:.2f}")
    bar.finish()
    return terminal.text


def test_bar_rewrites_one_line_of_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    text = show(Terminal(True), 20, 20)
    assert text.count("\n") == 1
    updates = text.split("\r")[1:]
    assert len(updates) == 8  # every 0.1 s at most, and the last
    assert max(map(len, updates)) <= 60
    assert "20/20" in updates[-1]


def test_bar_is_a_few_lines_elsewhere(monkeypatch):
    lines = show(Terminal(False), 60, 60).splitlines()
    assert [re.search(r"(\d+)/60", line)[1] for line in lines] == ["12", "24", "36", "48", "60"]
    assert lines[0].endswith("loss 0.08  0.5 s, 1.9 s left")
    assert show(Terminal(False), 60, 14).splitlines()[-1].startswith("training [#######")
    monkeypatch.setenv("TERM", "dumb")
    assert "\r" not in show(Terminal(True), 60, 60)


def test_slow_scikit_learn_is_timed_on_fewer_epochs(monkeypatch, capsys):
    monkeypatch.setattr(compare, "MOST_SECONDS", 0.0)
    data = demo.load_digits("float32", 0)
    settings = demo.Settings((8,), 32, 50, 0)
    run = compare.SklearnTimer(data, settings, 1).run(50)
    assert run.epochs == 1
    assert ", 1 of 50 epochs (all would take" in capsys.readouterr().out
    text = compare.table("accuracy", compare.Run("fusednn", 50, 1.0, 1347, 0.9), run)
    assert "different numbers of epochs" in text


# -- cache, versions, main ---------------------------------------------------------------


@posix
def test_cache_that_others_can_write_to(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    for arguments in (["cache"], ["cache", "--clear"]):
        assert "FUSEDNN_CACHE_DIR" in fail(capsys, *arguments)


@pytest.mark.long
def test_demo_without_a_cache_warns_once(tmp_path):
    (tmp_path / "file").touch()
    done = run("demo", "--epochs", 1, "--no-sklearn", FUSEDNN_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 0
    assert "(which could not be kept)" in done.stdout
    assert re.fullmatch(r"fusednn: warning: [^\n]+\n", done.stderr)


def test_versions_say_what_a_bug_report_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    output = succeed(capsys, "versions")
    packages = ("python", "fusednn", "numba", "llvmlite", "numpy", "scipy", "scikit-learn")
    for name in packages:
        assert re.search(rf"^ +{name}: \d+\.", output, re.MULTILINE), name
    for name in ("platform", "model", "features", "micro-kernel", "CPUs", "n_jobs=None"):
        assert re.search(rf"^ +{name}: \S", output, re.MULTILINE), name
    assert re.search(rf"directory: {re.escape(str(tmp_path))}.kernels-[0-9a-f]+\n", output)
    assert f"FUSEDNN_CACHE_DIR: {tmp_path}" in output


def test_versions_say_what_gpus_need(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setattr(versions, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(versions, "GPU_PACKAGES", ("numba", "no-such-package"))
    output = succeed(capsys, "versions")
    for line in ("no-such-package: not installed", "driver: none found", "VISIBLE_DEVICES: 1"):
        assert line in output
    text = "NVRM version: NVIDIA UNIX Kernel Module  580.65.06  Sun Jul 27\nGCC version: 12\n"
    (tmp_path / "version").write_text(text)
    wanted = "driver: NVIDIA UNIX Kernel Module 580.65.06 Sun Jul 27\n"
    assert wanted in succeed(capsys, "versions")


def test_show_versions_imports_no_scikit_learn():
    code = "import sys, fusednn; fusednn.show_versions(); print('sklearn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("False\n")


def test_main_lists_its_commands(capsys):
    for arguments in (["--help"], ["demo", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    output = capsys.readouterr().out
    assert all(word in output for word in ("demo", "cache", "versions", "--data", "fusednn 0."))


def test_no_command_and_a_wrong_one(capsys):
    assert "required: COMMAND" in fail(capsys)
    assert "invalid choice: 'train'" in fail(capsys, "train")


def test_the_entry_point():
    (entry,) = entry_points(group="console_scripts", name="fusednn")
    assert entry.load() is main
