"""`fusednn fit-text` and `fusednn generate`."""

import contextlib
import gzip
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from cases.shop_tables import refused, run
from test_command import COMMAND, SECONDS, posix

from fusednn import LanguageModel
from fusednn.command.terminal.watch import StepLines
from fusednn.training.session import Session

TEXT = "the cat sat on the mat.\n" * 60
FIT = "--context", 8, "--width", 16, "--depth", 1, "--heads", 2, "--steps", 30, "--jobs", 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A text, and a model of it."""
    found = tmp_path_factory.mktemp("texts")
    (found / "cats.txt").write_text(TEXT)
    assert run("fit-text", found / "cats.txt", *FIT, "-o", found / "m.st") == 0
    return found


def test_losses_are_printed_as_the_training_goes(folder, tmp_path, capsys):
    path = tmp_path / "cats.txt.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    options = "--learning-rate", 0.02, "-o", tmp_path / "m.st"
    assert run("fit-text", path, *FIT, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cats.txt.gz: 1,440 characters; 13 codes; 3,520 parameters"
    assert lines[-1].startswith("wrote ")
    found = [
        re.fullmatch(r"step (\d+): loss (.*), held out (.*), .* s", one) for one in lines[1:-1]
    ]
    assert [int(one[1]) for one in found] == list(range(3, 31, 3))
    assert float(found[-1][3]) < 0.8 * float(found[0][3])
    model = LanguageModel.load(tmp_path / "m.st")
    assert -model.best_validation_score_ == pytest.approx(
        min(float(one[3]) for one in found), abs=1e-4
    )


def test_generate_prints_what_follows(folder, capsys):
    arguments = "generate", folder / "m.st", "--prompt", "the ", "-n", 40, "--seed", 3
    assert run(*arguments, "--temperature", 0.7, "--top-k", 5, "--top-p", 0.9) == 0
    model = LanguageModel.load(folder / "m.st")
    expected = model.generate("the ", 40, 0.7, 5, 0.9, random_state=3)
    assert capsys.readouterr().out == expected + "\n"
    assert run(*arguments, "--weights", "bfloat16") == 0
    rounded = model.generate("the ", 40, random_state=3, weights="bfloat16")
    assert capsys.readouterr().out == rounded + "\n"
    assert run("generate", folder / "m.st", "-n", 5, "--temperature", 0) == 0
    assert capsys.readouterr().out == model.generate("\n", 5, temperature=0) + "\n"


def test_lines_and_words(tmp_path, capsys):
    (tmp_path / "names.txt").write_text("anna bo\nbo carl\n\ncarl anna\n" * 20)
    options = "--lines", "--tokenizer", "word", "--validation", 0
    assert run("fit-text", tmp_path / "names.txt", *FIT, *options, "-o", tmp_path / "m.st") == 0
    assert "held out" not in capsys.readouterr().out
    assert run("generate", tmp_path / "m.st", "-n", 7, "--seed", 0) == 0
    assert set(capsys.readouterr().out.split()) <= {"anna", "bo", "carl"}
    odd = "--unknown", "--temperature", 1000
    assert run("generate", tmp_path / "m.st", "-n", 400, "--seed", 0, *odd) == 0
    assert "\N{REPLACEMENT CHARACTER}" in capsys.readouterr().out


def test_lines_end_where_editors_end_them(tmp_path):
    """Lines without a word are left out; other ends that Unicode has are characters."""
    text = "anna bo\r\n \t\r\nbo\u2028carl\rcarl\x0canna\n" * 20
    (tmp_path / "names.txt").write_bytes(text.encode())
    options = "--lines", "--validation", 0, "-o", tmp_path / "m.st"
    assert run("fit-text", tmp_path / "names.txt", *FIT, *options) == 0
    known = LanguageModel.load(tmp_path / "m.st").tokenizer_.vocabulary_
    assert sorted(known) == sorted(set("anna bo\u2028carl\x0c"))
    assert run("fit-text", tmp_path / "names.txt", *FIT, *options, "--tokenizer", "word") == 0


def test_fewer_codes_than_characters(folder, tmp_path, capsys):
    """Rare characters share a code; a model without the line's end needs a prompt."""
    options = "--codes", 6, "-o", tmp_path / "m.st"
    assert run("fit-text", folder / "cats.txt", *FIT, *options) == 0
    assert "; 6 codes;" in capsys.readouterr().out
    assert run("generate", tmp_path / "m.st", "-n", 5) == 0
    (tmp_path / "line.txt").write_text("the cat sat " * 60)
    for kind in "char", "word":
        options = "--tokenizer", kind, "-o", tmp_path / "m.st"
        assert run("fit-text", tmp_path / "line.txt", *FIT, *options) == 0
        line = refused(capsys, "generate", tmp_path / "m.st")
        assert "has not seen a line's end: give --prompt" in line
        assert run("generate", tmp_path / "m.st", "--prompt", "the ", "-n", 3) == 0


@pytest.mark.parametrize(("steps", "taken"), [(1, 1), (10, 10), (11, 12), (19, 20), (25, 27)])
def test_steps_are_rounded_up_to_those_between_two_prints(folder, tmp_path, capsys, steps, taken):
    options = "--steps", steps, "-o", tmp_path / "m.st"
    assert run("fit-text", folder / "cats.txt", *FIT, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(f"step {taken}: ")
    assert len(lines) <= 12


def test_what_is_refused(folder, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "short.txt").write_text("abc")
    for name, words in (
        ("none.txt", "No such file"),
        ("empty.txt", "is empty"),
        ("odd.txt", "not in UTF-8"),
        ("short.txt", "context=64 needs 65 to train on and as many held out: give a longer"),
    ):
        assert words in refused(capsys, "fit-text", tmp_path / name, "-o", tmp_path / "m.st")
    line = refused(capsys, "fit-text", folder / "cats.txt", "--heads", 3, "-o", tmp_path / "m.st")
    assert "--width 128 is no multiple of --heads 3" in line
    (tmp_path / "blank.txt").write_text(" \n\t\n")
    line = refused(capsys, "fit-text", tmp_path / "blank.txt", "--lines", "-o", tmp_path / "m.st")
    assert "has no line with a text" in line
    assert not (tmp_path / "m.st").exists()
    for arguments, words in (
        ((folder / "cats.txt",), "cannot be loaded"),
        ((folder / "none.st",), "No such file"),
        ((folder / "m.st", "--prompt", "X"), "prompt holds the character 'X'"),
        ((folder / "m.st", "--temperature", "-1"), "temperature must be a number from 0"),
    ):
        assert words in refused(capsys, "generate", *arguments)


@posix
def test_a_reader_that_goes(folder):
    read, write = os.pipe()
    os.close(read)
    arguments = [*COMMAND, "generate", folder / "m.st", "-n", "50"]
    done = subprocess.run(arguments, stdout=write, stderr=subprocess.PIPE, timeout=SECONDS)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@posix
def test_text_appears_while_it_is_made_and_ctrl_c_ends_it(folder):
    arguments = [*COMMAND, "generate", folder / "m.st", "-n", "100000000"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(30)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=SECONDS)
        assert time.monotonic() - began < SECONDS
    assert (process.returncode, errors) == (130, b"fusednn: interrupted\n")


OFTEN = [
    *(sys.executable, "-c"),
    "import sys; from fusednn.command.subcommands import fit_text; fit_text.REPORTS = 10**5;"
    "from fusednn.command.main import main; sys.exit(main(sys.argv[1:]))",
]
"""The command, with a report after each 100 of ten million steps."""


def begun(command, folder, path):
    """A training that has no end, as a process."""
    arguments = "fit-text", folder / "cats.txt", "-o", path, *FIT, "--steps", 10**7
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True)


@posix
def test_ctrl_c_keeps_the_steps_that_were_printed(folder, tmp_path):
    path = tmp_path / "m.st"
    with begun(OFTEN, folder, path) as process:
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert rest.endswith(f"wrote {path}\n")
    told = re.fullmatch(
        r"fusednn: interrupted after step (\d+): the best model, of step (\d+), is kept\n", errors
    )
    model = LanguageModel.load(path)
    assert (100 * model.n_iter_, model.warm_start) == (int(told[1]), False)
    losses = [float(one) for one in re.findall("held out (.*?),", "".join(lines) + rest)]
    assert 3 <= len(losses) <= model.n_iter_
    kept = model.loss_and_gradient(TEXT[-(len(TEXT) // 10) :])[0]
    assert kept == pytest.approx(-model.best_validation_score_, rel=1e-4)
    assert kept < min(losses) + 1e-4
    scores = model.validation_scores_
    assert scores[int(told[2]) // 100 - 1] == max(scores) == model.best_validation_score_
    assert run("generate", path, "--prompt", "the ", "-n", 5) == 0


@posix
def test_ctrl_c_before_the_first_report_keeps_the_old_file(folder, tmp_path):
    path = tmp_path / "m.st"
    path.write_text("old")
    with begun(COMMAND, folder, path) as process:
        process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, rest, errors) == (130, "", "fusednn: interrupted\n")
    assert path.read_text() == "old"


def test_a_second_ctrl_c_ends_the_command(folder, tmp_path, monkeypatch, capsys):
    """Here while the model is written."""
    path = tmp_path / "m.st"
    path.write_text("old")

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    def end(lines, progress, parameters):
        if progress.n_iter == 2:
            interrupt()

    monkeypatch.setattr("fusednn.command.terminal.watch.StepLines.end", end)
    assert run("fit-text", folder / "cats.txt", *FIT, "-o", path) == 130
    assert "after step 6: the best model, of step 6, is kept" in capsys.readouterr().err
    assert LanguageModel.load(path).n_iter_ == 2
    assert run("fit-text", folder / "cats.txt", *FIT, "--validation", 0, "-o", path) == 130
    assert "after step 6: the model is kept" in capsys.readouterr().err
    kept = path.read_bytes()
    monkeypatch.setattr(LanguageModel, "save", interrupt)
    assert run("fit-text", folder / "cats.txt", *FIT, "-o", path) == 130
    assert capsys.readouterr().err == "fusednn: interrupted\n"
    assert path.read_bytes() == kept
    assert os.listdir(tmp_path) == ["m.st"]


def press_before(monkeypatch, owner, name, lines, least):
    """Ctrl-C at the first call of a method when there are so many lines."""
    original, pressed = getattr(owner, name), []

    def pressing(*arguments, **options):
        if len(lines) >= least and not pressed:
            pressed.append(1)
            signal.raise_signal(signal.SIGINT)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, pressing)


@pytest.fixture
def lines(monkeypatch):
    """The numbers of the epochs whose lines were printed."""
    found, end = [], StepLines.end

    def note(self, progress, parameters):
        stops = end(self, progress, parameters)
        found.append(progress.n_iter)
        return stops

    monkeypatch.setattr(StepLines, "end", note)
    return found


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Session, "parameters"), (LanguageModel, "_set_parameters"), (LanguageModel, "save")],
)
def test_ctrl_c_behind_the_last_step_loses_nothing(
    folder, tmp_path, lines, monkeypatch, capsys, owner, name
):
    path = tmp_path / "m.st"
    press_before(monkeypatch, owner, name, lines, 10)
    assert run("fit-text", folder / "cats.txt", *FIT, "-o", path) == 130
    assert "interrupted after step 30: the best model, of step 30" in capsys.readouterr().err
    assert path.read_bytes() == (folder / "m.st").read_bytes()


def test_ctrl_c_that_is_lost_in_the_last_epoch(folder, tmp_path, monkeypatch, capsys):
    """As in the callback of a weak reference."""
    begun, begin = [], StepLines.begin

    def lose(self):
        begin(self)
        begun.append(1)
        if len(begun) == 10:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StepLines, "begin", lose)
    path = tmp_path / "m.st"
    assert run("fit-text", folder / "cats.txt", *FIT, "-o", path) == 130
    assert "interrupted after step 30" in capsys.readouterr().err
    assert path.read_bytes() == (folder / "m.st").read_bytes()


def test_ctrl_c_behind_the_time(folder, tmp_path, lines, monkeypatch, capsys):
    """The time ends within an epoch, which has no line."""
    path = tmp_path / "m.st"
    monkeypatch.setattr("fusednn.command.subcommands.fit_text.REPORTS", 10**5)
    monkeypatch.setattr("fusednn.training.session.SLICE_SECONDS", 1e-9)
    press_before(monkeypatch, Session, "parameters", lines, 1)
    options = "--steps", 10**7, "--max-time", 0.5, "--validation", 0
    assert run("fit-text", folder / "cats.txt", *FIT, *options, "-o", path) == 130
    steps = 100 * LanguageModel.load(path).n_iter_
    assert f"interrupted after step {steps}: the model is kept" in capsys.readouterr().err
    assert steps == 100 * len(lines)
