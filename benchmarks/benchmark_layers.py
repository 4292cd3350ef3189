"""asv: a pass of the network of `costs`, with layers and options whose cost has a target.

A step with dropout, LayerNorm, BatchNorm or GELU should cost at most 1.25 times the plain ReLU
step; a step of AdamW should cost the same as one of Adam. A pass has 20 steps. One thread, as in
`benchmark_estimators`. Each case is a process that compiles its kernels, so `.ci/run` runs only
two cases.
"""

from benchmarks.measuring.variants import VARIANTS

from .costs import PLAIN, Passes, variants

THREADS = 1


class Layers:
    """A pass: the same shuffle and steps as in `fit`."""

    params = (PLAIN, *VARIANTS)
    param_names = ("variant",)

    def setup(self, variant):
        self.passes = Passes(variants()[variant], "float32", THREADS)
        self.passes.__enter__()

    def teardown(self, variant):
        self.passes.__exit__()

    def time_pass(self, variant):
        self.passes.run()
