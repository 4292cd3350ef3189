"""Interleaved rounds: contestants take turns, and are compared round by round.

Every contestant has one turn in each round, and each round begins with another contestant, so that
a change in the machine's load affects all. The script sleeps before each turn until the threads of
the previous contestant have stopped spinning. The interval of a ratio is Student's t over the
logarithms of the rounds' ratios. It covers only what varies between the rounds of one run. With
five rounds it is wide, and one disturbed round makes it wider.
"""

import gc
import importlib.util
import math
import os
import shutil
import statistics
import sys
import time

OURS = "fusednn"
CONFIDENCE = 0.95
REST_SECONDS = 0.05
MODULES = {"compile": "torch", "channels_last": "torch", "graphs": "torch", "cpu": "fusednn"}
COMPILERS = ("g++", "clang++", "cl")
"""torch.compile needs one of these, unless `CXX` names another."""


def choose_peers(wanted, known):
    """The wanted peers that are available; prints a note for the others.

    Parameters
    ----------
    wanted : str
        Names, separated by commas.
    known : container of str
        All names, including fusednn's.

    Returns
    -------
    list of str
    """
    chosen = []
    for name in filter(None, (part.strip() for part in wanted.split(","))):
        if name not in known or name == OURS:
            sys.exit(f"unknown peer {name!r}; there are {', '.join(set(known) - {OURS})}")
        lacking = _lacking(name)
        if lacking:
            print(f"note: {name} left out, {lacking}")
        else:
            chosen.append(name)
    return chosen


def _lacking(name):
    module = MODULES.get(name, name)
    if importlib.util.find_spec(module) is None:
        return f"{module} is not installed"
    compilers = (os.environ.get("CXX", "").partition(" ")[0], *COMPILERS)
    if name == "compile" and not any(shutil.which(one) for one in compilers if one):
        return "there is no C++ compiler"
    return ""


def enter(names, make, count, required=(OURS,)):
    """Makes and warms up contestants.

    Parameters
    ----------
    names : sequence of str
    make : callable
        Makes a contestant, given its name.
    count : callable
        Returns the amount of work in a turn, given a warm contestant.
    required : container of str
        Contestants whose failure is an error; others that fail are left out with a note.

    Returns
    -------
    dict
        For each name, the contestant and its amount.
    """
    field = {}
    for name in names:
        try:
            contestant = make(name)
            contestant.prepare()
            field[name] = contestant, count(contestant)
        except Exception as error:
            if name in required:
                raise
            reason = str(error).strip().partition("\n")[0]
            print(f"note: {name} left out, {type(error).__name__}: {reason}")
    return field


def take_turns(field, turn, rounds, between):
    """Runs all rounds.

    Parameters
    ----------
    field : dict
        What `enter` returned.
    turn : callable
        Runs a turn, given a contestant and its amount, and returns the result.
    rounds : int
    between : callable
        Called before each round, to measure the machine's limit at that time.

    Returns
    -------
    found : dict
        For each name, the results of its turns.
    others : list
        What `between` returned.
    """
    found = {name: [] for name in field}
    others = []
    for number in range(rounds):
        others.append(between())
        first = number % len(field)
        for name in [*field, *field][first : first + len(field)]:
            contestant, amount = field[name]
            gc.collect()
            time.sleep(REST_SECONDS)
            found[name].append(turn(contestant, amount))
    return found, others


def summary(rounds):
    """The median, the best, and all rounds."""
    return {"median": statistics.median(rounds), "best": min(rounds), "rounds": rounds}


def ratio(theirs, ours):
    """A peer's time divided by fusednn's, from the times of both in the same rounds.

    Parameters
    ----------
    theirs, ours : list of float

    Returns
    -------
    dict
        "medians", the ratio of the medians; "mean", the geometric mean of the rounds' ratios;
        "interval", its 95 % interval, None for a single round.
    """
    from scipy.stats import t

    logs = [math.log(peer / own) for peer, own in zip(theirs, ours, strict=True)]
    middle, interval = statistics.fmean(logs), None
    if len(logs) > 1:
        quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1))
        half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
        interval = [math.exp(middle - half), math.exp(middle + half)]
    medians = statistics.median(theirs) / statistics.median(ours)
    return {"medians": medians, "mean": math.exp(middle), "interval": interval}


def in_words(found):
    """A ratio as text: the mean over the rounds, and its interval."""
    interval = " [{:.2f}, {:.2f}]".format(*found["interval"]) if found["interval"] else ""
    return f"{found['mean']:.2f}{interval}"


def ratios(times):
    """`ratio` of every peer, from the summaries of all contestants by name."""
    ours = times[OURS]["rounds"]
    return {name: ratio(one["rounds"], ours) for name, one in times.items() if name != OURS}
