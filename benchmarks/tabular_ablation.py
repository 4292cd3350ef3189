"""What each part of pytabkit's RealMLP-TD is worth on a few tables, by inner splits.

    FUSEDNN_DATA=... python -m benchmarks.tabular_ablation --json PATH [--sets higgs-7k]
                                                           [--repeats 2] [--rows 4000]
    python -m benchmarks.tabular_ablation --json PATH --report

Every variant is pytabkit's own estimator with other arguments, on one thread. It trains on a part
of the training rows and is judged by others of them; test parts stay unread. The file keeps each
run, and only those it lacks are done. The table has the geometric mean, over the repeats, of an
error over that of RealMLP-TD on the same rows: 1.05 is 5 % worse without the part.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

from .measuring.tabular.frames import with_categories
from .measuring.tabular.methods import imputed
from .measuring.tabular.scores import errors, scores
from .measuring.tabular.sets import SETS, load
from .measuring.tabular.splits import inner

CHOSEN = "higgs-7k", "california-housing", "covertype-20k"
"""Where a plain network was furthest behind."""

FULL = "RealMLP-TD"
PLAIN = dict(
    num_emb_type="none",
    add_front_scale=False,
    use_parametric_act=False,
    p_drop_sched="constant",
    wd_sched="constant",
)
"""What a network of dense layers, dropout and AdamW lacks; the other parts stay."""

VARIANTS = {
    FULL: {},
    "plain: the five below at once": PLAIN,
    "no embeddings of numbers": {"num_emb_type": "none"},
    "no scaling layer": {"add_front_scale": False},
    "activations without parameters": {"use_parametric_act": False},
    "constant dropout": {"p_drop_sched": "constant"},
    "constant decay": {"wd_sched": "constant"},
    "plain + PBLD": PLAIN | {"num_emb_type": "pbld"},
    "plain + scaling layer": PLAIN | {"add_front_scale": True},
    "plain + PBLD + scaling layer": PLAIN | {"num_emb_type": "pbld", "add_front_scale": True},
    "plain + parametric activations": PLAIN | {"use_parametric_act": True},
    "plain + schedules of dropout, decay": PLAIN
    | {"p_drop_sched": "flat_cos", "wd_sched": "flat_cos"},
    "PL embeddings": {"num_emb_type": "pl"},
    "PLR embeddings": {"num_emb_type": "plr"},
    "scaling layer at the common rate": {"scale_lr_factor": 1.0},
    "PBLD at the common rate": {"plr_lr_factor": 1.0},
    "biases at the common rate": {"bias_lr_factor": 1.0},
    "no dropout": {"p_drop": 0.0},
    "no decay": {"wd": 0.0},
    "no decay, standard parametrisation": {
        "wd": 0.0,
        "weight_param": "standard",
        "weight_lr_factor": 1 / 16,
    },
    "no NTK biases of five rows": {"bias_init_mode": "zeros"},
    "weights without a look at the data": {"weight_init_mode": "normal"},
    "beta2 of 0.999": {"sq_mom": 0.999},
    "one cosine": {"lr_sched": "cos"},
    "constant rate": {"lr_sched": "constant"},
    "ReLU": {"act": "relu"},
    "no smooth clip": {"tfms": ["one_hot", "median_center", "robust_scale", "embedding"]},
    "no label smoothing": {"use_ls": False},
}


def variant(frame, task, arguments, epochs, seed):
    """RealMLP-TD with other arguments, behind imputation."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    made = RealMLP_TD_Regressor if task == "numbers" else RealMLP_TD_Classifier
    common = dict(random_state=seed, n_threads=1, device="cpu", n_epochs=epochs)
    return imputed(frame, made(**common, **arguments))


def measured(name, arguments, repeat, options):
    """Errors of both metrics and CPU seconds of a variant on one inner split."""
    table = load(name)
    train, judged = inner(table, repeat, options.rows)
    X, X_judged = with_categories(table.frame.iloc[train], table.frame.iloc[judged])
    start = time.process_time()
    model = variant(X, table.task, arguments, options.epochs, repeat).fit(X, table.target[train])
    seconds = time.process_time() - start
    answer = model.predict if table.task == "numbers" else model.predict_proba
    pair = scores(table.task, table.target[judged], answer(X_judged))
    first, second = errors(table.task, pair)
    return {"first": first, "second": second, "cpu": round(seconds, 2)}


def ratio(runs, title, sets, metric):
    """Geometric mean over sets and repeats of a metric over RealMLP-TD's; None without both."""
    logs = [
        np.log(run[metric] / runs[key(FULL, name, repeat)][metric])
        for name in sets
        for repeat in range(100)
        if (run := runs.get(key(title, name, repeat))) and key(FULL, name, repeat) in runs
    ]
    return np.exp(np.mean(logs)) if logs else None


def key(title, name, repeat):
    """What a run is found by in the file."""
    return f"{title} | {name} | {repeat}"


def report(runs, sets):
    """Prints a row for each variant with runs: ratios of the first metric's error by set."""
    print(f"| variant |{''.join(f' {name} |' for name in sets)} mean | log-loss / RMSE | CPU |")
    print("| --- |" + " --- |" * (len(sets) + 3))
    begun = {one.partition(" | ")[0] for one in runs}
    for title in (one for one in VARIANTS if one in begun):
        cells = [ratio(runs, title, [name], "first") for name in sets]
        cells += [ratio(runs, title, sets, metric) for metric in ("first", "second", "cpu")]
        row = "".join(f" {cell:.3f} |" if cell else " |" for cell in cells)
        print(f"| {title} |{row}")


def main():
    """Runs what the file lacks, by repeats, then prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tabular_ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=CHOSEN)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--repeats", type=int, default=2, help="inner splits")
    parser.add_argument("--rows", type=int, default=4000, help="rows to train, at most")
    parser.add_argument("--epochs", type=int, default=256)
    parser.add_argument("--report", action="store_true", help="only print what the file holds")
    options = parser.parse_args()
    conditions = {"rows": options.rows, "epochs": options.epochs}
    kept = {"conditions": conditions, "runs": {}}
    if options.json.exists():
        kept = json.loads(options.json.read_text(encoding="utf-8"))
    if not options.report:
        if kept["conditions"] != conditions:
            raise SystemExit(f"{options.json} holds runs of {kept['conditions']}")
        warnings.simplefilter("ignore")  # of libraries about each other
        for repeat in range(options.repeats):
            for title in options.variants:
                for name in options.sets:
                    if key(title, name, repeat) in kept["runs"]:
                        continue
                    run = measured(name, VARIANTS[title], repeat, options)
                    kept["runs"][key(title, name, repeat)] = run
                    options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
                    print(key(title, name, repeat), run, flush=True)
    print(f"{kept['conditions']['rows']} rows at most, {kept['conditions']['epochs']} epochs")
    report(kept["runs"], options.sets)


if __name__ == "__main__":
    main()
