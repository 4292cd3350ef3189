"""The time of one training step, from epochs of a contestant.

A run lasts some seconds: as many epochs as that takes, counted out before the first round. All
have trained an epoch of the same shape before they are timed, so nothing is compiled within a
time. PyTorch and JAX train on prepared tensors, and their epochs are timed bare. `fit` also
validates, converts labels and draws weights: each round fits for b + 1 epochs and for one, never
stopping early; the shortest one-epoch fit of all rounds is taken off the long ones, and the rest
divided by the steps of b epochs. b is at least four, but one where an epoch lasts longer than
`LONG_SECONDS`.
"""

from .rounds import summary, take_turns

LONG_SECONDS = 5.0


def count_epochs(contestant, seconds):
    """Epochs that last about `seconds`, four times a set-up and its epoch at least."""
    first = contestant.run(1)
    if first > LONG_SECONDS:
        return 1
    least = 4 if contestant.has_setup else 1
    trial = max(least, min(50, int(seconds / first)))
    per_epoch = contestant.run(trial) / trial
    return max(least, round(seconds / per_epoch))


def epoch_seconds(contestant, epochs):
    """Seconds of the epochs and, where a set-up has to be taken off, of one epoch with it."""
    if not contestant.has_setup:
        return contestant.run(epochs), 0.0
    return contestant.run(epochs + 1), contestant.run(1)


def step_times(field, rounds, between):
    """Microseconds of a training step, all rounds.

    Parameters
    ----------
    field : dict
        For each name a contestant and its number of epochs, as `rounds.enter` returns them.
    rounds : int
    between : callable
        Called before each round: the limit of the machine that the steps are held against.

    Returns
    -------
    times : dict
        For each name the median, the best, the rounds, and the epochs of one run.
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
