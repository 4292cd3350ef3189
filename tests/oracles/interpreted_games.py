"""Codes that training draws, and the calls of adversarial training, of the interpreter."""

import numpy as np
from oracles import reference_layers


class Games:
    """Calls of autoencoders and of games, from what they read to what they write, by name."""

    def draw_latent(self, x, stream):
        mean, log_variance = np.split(x, 2, axis=-1)
        if stream is None:
            return {"out": mean}
        drawn = reference_layers.gaussian_noise(
            *mean.shape, seed=self.seed, step=self.step, layer=stream, positions=1
        )
        return {"out": mean + np.exp(log_variance / 2) * drawn}

    def add_divergence(self, dout, out, x, losses, beta, share):
        """The losses grow in place, as those of a loss are written before."""
        mean, log_variance = np.split(x, 2, axis=-1)
        factor = beta * self.scale
        dmean = dout + factor * mean
        dv = (dout * (out - mean) + factor * (np.exp(log_variance) - 1)) / 2
        if losses is not None:
            divergence = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1) / 2
            losses += share * factor * divergence[:, np.newaxis]
        return {"dx": np.concatenate([dmean, dv], axis=-1)}

    def wait(self):
        return {"out": np.zeros(1)}

    def pick_class(self, logits):
        return {"dlogits": np.eye(logits.shape[-1])[np.broadcast_to(self.of, len(logits))]}

    def penalize(self, x, factor):
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        assert (norm > 0).all()
        factor = factor * self.scale
        return {"out": 2 * factor * (norm - 1) / norm * x, "losses": factor * (norm - 1) ** 2}
