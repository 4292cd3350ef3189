"""asv: a pass of the network of `costs` with layers and options that have a bound of their cost.

A step with dropout, LayerNorm, BatchNorm or GELU is meant to cost at most 1.25 times the plain
ReLU step, one by AdamW what one by Adam costs. A pass has 20 steps; one thread, as in
`benchmark_estimators`. Each case is a process that compiles its kernels, so `.ci/run` runs two.
"""

from benchmarks.measuring.variants import VARIANTS

from .costs import PLAIN, Passes, variants

THREADS = 1


class Layers:
    """A pass: shuffle and steps, as `fit` runs them."""

    params = (PLAIN, *VARIANTS)
    param_names = ("variant",)

    def setup(self, variant):
        self.passes = Passes(variants()[variant], "float32", THREADS)
        self.passes.__enter__()

    def teardown(self, variant):
        self.passes.__exit__()

    def time_pass(self, variant):
        self.passes.run()
