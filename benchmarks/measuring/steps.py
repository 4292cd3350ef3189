"""The time of one training step, measured by epochs of a contestant.

The number of epochs in a run is chosen before the first round, so that a run takes the given
seconds. All contestants have trained an epoch of the same shape before, so no timed run compiles
anything. PyTorch and JAX train on prepared tensors, and their epochs are timed directly. `fit`
also validates, converts labels and draws weights. So each round fits for b + 1 epochs and for one,
without early stopping; the shortest one-epoch fit of all rounds is subtracted from the long ones,
and the rest divided by the steps of b epochs. b is at least four, but one if an epoch takes longer
than `LONG_SECONDS`.
"""

from .rounds import summary, take_turns

LONG_SECONDS = 5.0


def count_epochs(contestant, seconds):
    """The number of epochs that take about `seconds`; at least four for a `fit` with set-up."""
    first = contestant.run(1)
    if first > LONG_SECONDS:
        return 1
    least = 4 if contestant.has_setup else 1
    trial = max(least, min(50, int(seconds / first)))
    per_epoch = contestant.run(trial) / trial
    return max(least, round(seconds / per_epoch))


def epoch_seconds(contestant, epochs):
    """Seconds of the epochs, and of a one-epoch fit if its set-up must be subtracted, else 0."""
    if not contestant.has_setup:
        return contestant.run(epochs), 0.0
    return contestant.run(epochs + 1), contestant.run(1)


def step_times(field, rounds, between):
    """Microseconds per training step in all rounds.

    Parameters
    ----------
    field : dict
        For each name, a contestant and its number of epochs, as `rounds.enter` returns them.
    rounds : int
    between : callable
        Called before each round, to measure the machine's limit with which steps are compared.

    Returns
    -------
    times : dict
        For each name, the median, the best, the rounds, and the epochs of one run.
    limits : list
        What `between` returned.
    """
    pairs, limits = take_turns(field, epoch_seconds, rounds, between)
    times = {}
    for name, (contestant, epochs) in field.items():
        scale = 1e6 / (epochs * contestant.network.steps)
        setup = min(short for _, short in pairs[name])
        one = [scale * (long - setup) for long, _ in pairs[name]]
        times[name] = summary(one) | {"epochs": epochs}
    return times, limits
