"""`fusednn fit-text`: trains a language model on a text, and saves it with its tokenizer."""

from __future__ import annotations

import argparse
import re
import time

from fusednn.command.arguments import (
    DEVICES,
    above_zero,
    file,
    jobs,
    positive,
    rows_from,
    seed,
    share,
)
from fusednn.command.data.text_files import read_text
from fusednn.command.terminal.errors import Interrupted, UserError
from fusednn.command.terminal.output import check_output, replacing
from fusednn.command.terminal.watch import StepLines, interruptible
from fusednn.command.training.devices import check_usable, refusals

DETAILS = """\
FILE is a text in UTF-8, plain or compressed (gz, bz2, xz); - is standard input.

The network is a decoder of causal Transformer blocks with rotary positions. The last tenth of the
text is held out; its loss, a mean over tokens in nats, is printed ten times. The
steps are rounded up to a multiple of those between two prints. `fusednn generate` writes with
MODEL.

MODEL is that of the lowest loss of the held-out text, or with --validation 0 that of all steps.
After Ctrl-C it is written too, if a loss has been printed; a second Ctrl-C ends the command at
once. The exit code is 130.
"""
LINE_END = re.compile("\r\n?|\n")  # no other that Unicode has
REPORTS = 10
TOKENIZERS = "char", "word", "bpe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = DETAILS
    add = parser.add_argument
    add("text", type=rows_from, metavar="FILE", help="the text; - is standard input")
    add(
        "-o", "--output", type=file, metavar="MODEL", required=True,
        help="the file to write, such as m.safetensors; an existing file is replaced",
    )  # fmt: skip
    add("--tokenizer", choices=TOKENIZERS, default="char", help="what a token is; default: char")
    add(
        "--codes", type=positive, metavar="N",
        help="the most codes; rare characters share one; default: 1024 for bpe",
    )  # fmt: skip
    add("--lines", action="store_true", help="each line is a text of its own, with an end")
    add(
        "--validation", type=share, default=0.1, metavar="SHARE",
        help="share of the text to hold out; 0 for none; default: 0.1",
    )  # fmt: skip
    add = parser.add_argument_group("network and training").add_argument
    add("--context", type=positive, default=64, metavar="N", help="tokens seen; default: 64")
    add("--width", type=positive, default=128, metavar="N", help="default: 128")
    add("--depth", type=positive, default=4, metavar="N", help="blocks; default: 4")
    add("--heads", type=positive, default=4, metavar="N", help="default: 4")
    add("--dropout", type=share, default=0.0, metavar="SHARE", help="default: 0")
    add("--steps", type=positive, default=2000, metavar="N", help="default: 2000")
    add("--batch", type=positive, default=12, metavar="N", help="windows a step; default: 12")
    add("--learning-rate", type=above_zero, default=0.001, metavar="RATE", help="default: 0.001")
    add("--max-time", type=above_zero, metavar="SECONDS", help="end training after this time")
    add("--jobs", type=jobs, metavar="N", help="threads; -1 for all CPUs; default: automatic")
    add("--device", choices=DEVICES, default="cpu", help="cuda is a GPU; default: cpu")
    add("--seed", type=seed, default=0, metavar="N", help="default: 0")


def run(options: argparse.Namespace) -> None:
    """Reads the text, trains, and saves the model."""
    check_output(options.output, options.text)
    check_usable(options.device)
    text = read_text(options.text)
    X = [line for line in LINE_END.split(text) if line.strip()] if options.lines else text
    if not X:
        raise UserError(f"{options.text.name} has no line with a text")
    model = _model(options)
    start = time.perf_counter()
    with interruptible(keeps=True) as pressed:
        model.initialize(X)
        sizes = sum(array.size for array in model._parameters())
        print(
            f"{options.text.name}: {len(text):,} characters; {model.n_outputs_} codes;"
            f" {sizes:,} parameters",
            flush=True,
        )
        model._watcher = StepLines(model.steps_per_epoch, start, model.max_time)
        with refusals(model.device):
            model.set_params(warm_start=True).fit(X)
        model.set_params(warm_start=False)
        if pressed and not model.n_iter_:
            raise KeyboardInterrupt
        with replacing(options.output) as place:
            model.save(place)
    print(f"wrote {options.output}", flush=True)
    if pressed:
        steps = model.n_iter_ * model.steps_per_epoch
        raise Interrupted(f"interrupted after step {steps}: {_kept(model)} is kept")


def _kept(model) -> str:
    """Which model an interrupted fit has left, in words."""
    if not model.early_stopping or model.best_validation_score_ not in model.validation_scores_:
        return "the model"
    best = 1 + model.validation_scores_.index(model.best_validation_score_)
    return f"the best model, of step {best * model.steps_per_epoch},"


def _model(options: argparse.Namespace):
    from fusednn import LanguageModel, text
    from fusednn.layers import presets

    kinds = {"char": text.CharTokenizer, "word": text.WordTokenizer, "bpe": text.BpeTokenizer}
    tokenizer = kinds[options.tokenizer]()
    if options.codes is not None:
        tokenizer.set_params(max_codes=options.codes)
        if options.tokenizer == "char":
            tokenizer.set_params(handle_unknown="code")
    if options.width % options.heads:
        raise UserError(f"--width {options.width} is no multiple of --heads {options.heads}")
    each = -(-options.steps // REPORTS)
    held_out = options.validation > 0
    return LanguageModel(
        presets.decoder(options.width, options.depth, options.heads, options.dropout),
        options.context,
        tokenizer=tokenizer,
        batch_size=options.batch,
        learning_rate_init=options.learning_rate,
        max_iter=-(-options.steps // each),
        steps_per_epoch=each,
        early_stopping=held_out,
        validation_fraction=options.validation or 0.1,
        n_iter_no_change=float("inf"),
        max_time=options.max_time,
        n_jobs=options.jobs,
        device=options.device,
        random_state=options.seed,
    )
