"""A step of adversarial training, both networks, beside PyTorch eager.

    python -m benchmarks.games [--threads 2] [--rounds 5] [--steps 200]

`dense` is 64-128-784 and 784-128-1, `images` convolutions on 28 x 28 pixels; batches of 64 in
float32, Adam, binary cross-entropy. In PyTorch the data are in memory, batches are slices, and
noise is drawn by `torch.randn`. With one thread the time is that of the process on its CPU.
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np

from fusednn import GAN
from fusednn.layers import Activation, BatchNorm, Conv2D, ConvTranspose2D, Dense, Reshape

BATCH, LATENT, PIXELS = 64, 64, (28, 28, 1)
LISTS = {
    "dense": (
        [Dense(128, "relu"), Dense(784, "logistic")],
        [Dense(128, "leaky_relu")],
    ),
    "images": (
        [Dense(7 * 7 * 64), Reshape(7, 7, 64), BatchNorm(), Activation("relu"),
         ConvTranspose2D(32, 4, stride=2, padding=1), BatchNorm(), Activation("relu"),
         ConvTranspose2D(1, 4, "logistic", stride=2, padding=1)],
        [Conv2D(32, 4, "leaky_relu", stride=2, padding=1),
         Conv2D(64, 4, "leaky_relu", stride=2, padding=1)],
    ),
}  # fmt: skip


def ours(name, X, threads, clock):
    """Seconds of a step."""
    lists = LISTS[name]
    options = {"batch_size": BATCH, "latent": LATENT, "n_jobs": threads, "random_state": 0}
    model = GAN(*lists, ema_decay=None, warm_start=True, **options)
    spent = []
    for passes in (1, 1, 3):
        model.set_params(max_iter=passes)
        start = clock()
        model.fit(X)
        spent.append(clock() - start)
    return (spent[2] - spent[1]) / 2 / (len(X) // BATCH)


def torchs(name, X, threads, clock):
    """The same in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    if name == "dense":
        maker = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid())
        judge = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 1))
    else:
        maker = nn.Sequential(
            *(nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid()),
        )
        judge = nn.Sequential(
            *(nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.01)),
            *(nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.01), nn.Flatten(), nn.Linear(3136, 1)),
        )
        X = X.transpose(0, 3, 1, 2)
    rows = torch.from_numpy(np.ascontiguousarray(X))
    adam = [torch.optim.Adam(one.parameters(), 5e-4, (0.5, 0.999)) for one in (maker, judge)]
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    cross = F.binary_cross_entropy_with_logits

    def run(passes):
        for at in [*range(0, len(rows), BATCH)] * passes:
            real, made = rows[at : at + BATCH], maker(torch.randn(BATCH, LATENT))
            adam[1].zero_grad()
            loss = cross(judge(real), ones) + cross(judge(made.detach()), zeros)
            loss.backward()
            adam[1].step()
            adam[0].zero_grad()
            cross(judge(made), ones).backward()
            adam[0].step()

    run(1)
    start = clock()
    run(1)
    return (clock() - start) / (len(rows) // BATCH)


def main():
    """Prints a line for each game."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.games", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="of a pass")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"{'game':10}{'fusednn, us':>14}{'PyTorch':>10}{'times':>8}")
    for name in LISTS:
        shape = (784,) if name == "dense" else PIXELS
        steps = options.steps if name == "dense" else max(2, options.steps // 10)
        X = np.random.RandomState(0).uniform(size=(steps * BATCH, *shape)).astype(np.float32)
        found = [
            [function(name, X, options.threads, clock) for function in (ours, torchs)]
            for _ in range(options.rounds)
        ]
        own, other = (1e6 * median(column) for column in zip(*found, strict=True))
        print(f"{name:10}{own:14.0f}{other:10.0f}{other / own:8.2f}", flush=True)


if __name__ == "__main__":
    main()
