"""Options of the demo's fit that both libraries take."""

from typing import NamedTuple


class Settings(NamedTuple):
    """Options that both libraries take."""

    hidden: tuple[int, ...]
    batch: int
    epochs: int
    seed: int

    def parameters(self) -> dict:
        """As keyword arguments of either library's estimators."""
        return {
            "hidden_layer_sizes": self.hidden,
            "batch_size": self.batch,
            "max_iter": self.epochs,
            "random_state": self.seed,
        }
