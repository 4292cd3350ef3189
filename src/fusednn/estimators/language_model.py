"""`LanguageModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .base_language_model import BaseLanguageModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.layers import Layer
    from fusednn.serving.types import Device
    from fusednn.text.tokenizer import Tokenizer

    from .input.types import (
        BatchSize,
        Dtype,
        Patience,
        RandomState,
        Rates,
        Solver,
    )


class LanguageModel(BaseLanguageModel):
    """Predicts the next token of a text from those before it, and writes texts token by token.

    A causal network over tokens. Training draws windows of `context` tokens, and predicts at each
    step the token behind it.

    Parameters
    ----------
    layers : list of Layer or None, default=None
        Descriptions of `fusednn.layers`, of which the first is a `TokenEmbedding`. No step may see
        a later one: attention with `causal=True`, recurrences with `return_sequences=True`,
        convolutions with `padding="causal"`. None is `presets.decoder()`: four blocks of width
        128 with 4 heads, norms first, and rotary positions. The estimator adds the output layer.
    context : int, default=64
        Tokens of a window.
    tokenizer : Tokenizer or None, default=None
        For texts: one of `fusednn.text`. `fit` learns a clone of it from the texts. None: X holds
        codes, whole numbers from 0.
    tied : bool, default=True
        Whether the weights of the output layer are the vectors of the tokens: one parameter with
        one update. The layers must then end with as many columns as a vector has. False: an
        output layer with weights and biases of its own.
    solver : str or Optimizer, default="adamw"
        As in `NetworkClassifier`, but for "lbfgs".
    alpha : float, default=0.0
        As in `NetworkClassifier`.
    batch_size : int or "auto", default="auto"
        Windows of a mini-batch; "auto" is 32, or all windows if these are fewer.
    learning_rate, learning_rate_init
        As in `NetworkClassifier`.
    max_iter : int, default=10
        Epochs.
    steps_per_epoch : int or None, default=None
        Steps of an epoch. None: as many as see each token of X once. `max_iter=20,
        steps_per_epoch=100` trains for 2,000 steps and judges the held-out text after each 100.
    shuffle : bool, default=True
        Whether windows have a random order, and in each pass over X other borders.
    random_state : int, RandomState or None, default=None
        For the first weights, the windows and dropout.
    tol, verbose
        As in `NetworkClassifier`. No warning says that the last epoch was reached.
    warm_start : bool, default=False
        As in `NetworkClassifier`. A training that is continued with `warm_start_optimizer=True`,
        or from a file, has the bits of one without a pause.
    early_stopping : bool, default=False
        Whether to hold out the tail of X, stop when its loss improves no more, and keep the
        weights of the best epoch.
    validation_fraction : float, default=0.1
        The share of the tail.
    n_iter_no_change, dtype, n_jobs, max_time, warm_start_optimizer
        As in `NetworkClassifier`.
    clip_norm : float or None, default=1.0
        The largest norm of the gradient.
    clip_value, ema_decay, accumulate, diagnose
        As in `NetworkClassifier`. A diagnosis looks at the first 32 windows.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the network is trained; see `MLPClassifier`. Texts are written and scored by the CPU.

    Attributes
    ----------
    tokenizer_ : Tokenizer or None
        As learned from the texts.
    end_code_ : int or None
        The code before, between and behind the sequences of a list, with which the model learns
        where they end: 0 with a tokenizer, else one more than the largest code (or the last of
        `TokenEmbedding(size, count)`). None after a fit on a single sequence.
    layers_ : tuple of Layer
        The layers, with the number of codes.
    n_outputs_ : int
        The number of codes.
    n_features_in_ : int
        `context`.
    loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_
        See `NetworkClassifier`. Losses are means over tokens, in nats; scores are losses negated.
    history_ : dict of str to list of float
        "loss" and, with held-out text, "validation_loss" after each epoch.
    gradient_norms_, activation_stats_, diagnosed_layers_, diagnosed_weights_
        With `diagnose`: see `NetworkClassifier`. Weights that are tied count as those of the first
        layer.

    See Also
    --------
    fusednn.text : The tokenizers.
    fusednn.layers.presets.decoder : The network without `layers`, in other sizes.

    Examples
    --------
    >>> from fusednn import LanguageModel
    >>> from fusednn.layers import presets
    >>> from fusednn.text import CharTokenizer
    >>> model = LanguageModel(
    ...     presets.decoder(16, blocks=1, heads=2), context=32, tokenizer=CharTokenizer(),
    ...     learning_rate_init=0.02, max_iter=40, batch_size=8, random_state=1,
    ... )
    >>> model = model.fit("the cat sat on the mat. " * 40)
    >>> model.generate("the cat ", 16, temperature=0)
    'sat on the mat. '
    """

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        context: int = 64,
        *,
        tokenizer: Tokenizer | None = None,
        tied: bool = True,
        solver: Solver = "adamw",
        alpha: float = 0.0,
        batch_size: BatchSize = "auto",
        learning_rate: Literal["constant", "adaptive"] | Rates = "constant",
        learning_rate_init: float = 0.001,
        max_iter: int = 10,
        steps_per_epoch: int | None = None,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Patience = 10,
        dtype: Dtype = "auto",
        n_jobs: int | None = None,
        max_time: float | None = None,
        warm_start_optimizer: bool = False,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        accumulate: int = 1,
        diagnose: bool = False,
        device: Device = "cpu",
    ) -> None:
        self._store(locals())
