"""Truncated backpropagation in PyTorch: windows that go on from detached states."""

from functools import partial
from itertools import pairwise

import torch

RATE = 0.01


def detached(state):
    return tuple(one.detach() for one in state) if isinstance(state, tuple) else state.detach()


def edges_of(steps, window, each):
    """Where the windows of a series begin, and its end; of a label's the last one is whole."""
    edges = [*range(0, steps, window), steps]
    return edges if each else [steps - edge for edge in reversed(edges)]


class Truncated:
    """A network of modules in a row with the weights of `state`, which is fitted by Adam.

    Parameters
    ----------
    modules : list of Module
        Those of recurrences have batch_first=True.
    state : dict
        As `fusednn.export_torch` gives it.
    each : bool
        Whether the last recurrence gives all states, and targets are those of each step.
    clip : float, optional
        The largest norm of the gradient.
    """

    def __init__(self, modules, state, each, clip=None):
        self.modules, self.each, self.clip = torch.nn.ModuleList(modules).double(), each, clip
        values = iter(state.values())
        with torch.no_grad():
            for name, parameter in self.modules.named_parameters():
                parameter.copy_(torch.tensor(next(values)))
                if "bias_hh" in name:
                    parameter.register_hook(partial(self._own, name))
        assert next(values, None) is None
        self.last = max(
            number for number, one in enumerate(modules) if isinstance(one, torch.nn.RNNBase)
        )
        self._optimizer = torch.optim.Adam(self.modules.parameters(), lr=RATE)

    def _own(self, name, gradient):
        """The gradient by a second bias: we have one, but for those of a GRU's n."""
        kept = torch.zeros_like(gradient)
        if isinstance(self.modules[int(name.split(".")[0])], torch.nn.GRU):
            kept[len(gradient) * 2 // 3 :] = 1
        return gradient * kept

    def forward(self, x, states):
        """The answers to a window; `states` of the recurrences are replaced by those behind it."""
        for number, module in enumerate(self.modules):
            if isinstance(module, torch.nn.RNNBase):
                x, state = module(x, states.get(number))
                states[number] = detached(state)
                if number == self.last and not self.each:
                    x = x[:, -1]
            else:
                x = module(x)
        return x[..., 0]

    def step(self, loss):
        """An update."""
        self._optimizer.zero_grad()
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.modules.parameters(), self.clip)
        self._optimizer.step()

    def weights(self):
        return [parameter.detach().numpy() for parameter in self.modules.parameters()]

    def fit(self, X, y, batch, epochs, window):
        """Series of one length (n, T, C), in their order."""
        x, y, steps = torch.tensor(X), torch.tensor(y), X.shape[1]
        for _ in range(epochs):
            for first in range(0, len(X), batch):
                rows, states = slice(first, first + batch), {}
                for start, stop in pairwise(edges_of(steps, window, self.each)):
                    output = self.forward(x[rows, start:stop], states)
                    if self.each or stop == steps:
                        wanted = y[rows, start:stop] if self.each else y[rows]
                        self.step(((output - wanted) ** 2).mean() / 2)
        return self.weights()

    def fit_alone(self, series, y, batch, epochs, window):
        """Series of any lengths, each alone; a loss is the mean over the steps of all of them.

        Windows of a label end with its series, those of steps begin with it.
        """
        x = [torch.tensor(one) for one in series]
        y = [torch.tensor(one) for one in y]
        count = -(-max(map(len, x)) // window)
        for _ in range(epochs):
            for first in range(0, len(x), batch):
                rows = range(first, min(first + batch, len(x)))
                states, found = [{} for _ in x], []
                for number in range(count):
                    for row in rows:
                        steps = len(x[row])
                        stop = steps - (count - 1 - number) * window
                        start = max(stop - window, 0)
                        if self.each:
                            start = number * window
                            stop = min(start + window, steps)
                        if start >= max(stop, 0):
                            continue
                        output = self.forward(x[row][None, start:stop], states[row])[0]
                        if self.each:
                            found.append((output - y[row][start:stop]) ** 2)
                        elif stop == steps:
                            found.append((output - y[row])[None] ** 2)
                    if self.each or number == count - 1:
                        self.step(torch.cat(found).mean() / 2)
                        found = []
        return self.weights()
