"""Says what is wrong with a game, from its history."""

from __future__ import annotations

LEAST_VARIETY = 0.2
"""Generated rows that spread less than this share of the data's spread are alike."""

CERTAIN = 0.99
"""A discriminator that judges this share of rows rightly has won."""

LEAST_PUSH = 1e-3
"""A gradient below this share of its largest has vanished."""

RECENT = 3
"""The last passes that a diagnosis looks at."""


def troubles_of(history: dict[str, list[float]]) -> list[str]:
    """The well-known failures that a history shows, a message for each."""
    found: list[str] = []
    last = {name: values[-RECENT:] for name, values in history.items()}
    if not last.get("variety"):
        return found
    if max(last["variety"]) < LEAST_VARIETY:
        found.append(
            f"Generated samples are alike (mode collapse): they spread {last['variety'][-1]:.2f}"
            " times as much as the data. Lower learning_rate_init, take more latent numbers, or"
            " set instance_noise or penalty."
        )
    if len(last["accuracy"]) == RECENT and min(last["accuracy"]) > CERTAIN:
        found.append(
            f"The discriminator wins: it judges {last['accuracy'][-1]:.1%} of the rows rightly."
            " Lower discriminator_learning_rate_init, or set label_smoothing or instance_noise."
        )
    push = history["push"]
    if max(last["push"]) <= LEAST_PUSH * max(push):
        found.append(
            "The gradient that the discriminator hands to the generator has vanished: it is"
            f" {last['push'][-1] / (max(push) or 1.0):.1e} times its largest norm. Choose"
            " loss='least_squares', or spectral_norm=True."
        )
    return found
