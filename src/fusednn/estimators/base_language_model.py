"""The training of language models: texts to windows, and the network over them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import clone

from fusednn.graph.layers.tied import Tied
from fusednn.layers import presets
from fusednn.losses import CLASSIFICATION
from fusednn.serving.model import MULTICLASS, Head

from .fitting.decorators import with_callbacks, with_checked_parameters
from .fitting.randoms import random_state_of
from .input.constraints import LANGUAGE
from .language.corpora import Corpus, check_known, corpus_of, texts_of
from .language.scoring import ScoringMixin
from .language.structure import built_model, check_first
from .language.training import check_length, loss_and_gradient, parts_of, prepare
from .language.writing import WritingMixin
from .layered import BaseLayered
from .network.first_samples import FirstSamples
from .network.lists_of_arrays import by_layer
from .network.parameters import drawn
from .network.values_by_data import refuse_data

if TYPE_CHECKING:
    from fusednn.text.tokenizer import Tokenizer

    from .input.types import Tokens

TIED_DEVIATION = 0.02
"""The deviation of the first vectors that are also the output's weights, as in GPT-2."""


class BaseLanguageModel(ScoringMixin, WritingMixin, BaseLayered):
    """Base class of `LanguageModel`; not for direct use."""

    _parameter_constraints: ClassVar[dict] = LANGUAGE
    _fixed: ClassVar[dict[str, Any]] = {
        **{"standardize": False, "mixup": 0.0, "l1": 0.0, "max_fun": 1},
        **{"missing_targets": "error", "scoring": None, "augment": None, "window": None},
    }

    _diverged = "The weights became infinite or NaN: take a lower learning rate."

    tokenizer_: Tokenizer | None
    end_code_: int | None

    def _specs(self):
        return list(presets.decoder() if self.layers is None else self.layers)

    def _output_activation(self):
        return "softmax"

    def _lowered_loss(self):
        return CLASSIFICATION["log_loss"].lowered(self.out_activation_)

    def _own_head(self):
        return Head(MULTICLASS, "softmax", (np.arange(self.n_outputs_),))

    def _built_of(self, layers, scaled):
        return built_model(layers, self.n_outputs_, self.context, bool(self.tied))

    def _build(self, samples, random_state):
        layers = self._specs()
        layers[0] = replace(layers[0], count=self.n_outputs_)
        self._built_layers = built = self._built_of(tuple(layers), scaled=False)
        refuse_data(built, "a language model")
        arrays = drawn(built, random_state, self._type_for(samples.X))
        if self.tied:
            arrays[0] *= TIED_DEVIATION
        self.layers_, self._arrays = tuple(layers), arrays
        self._seed = int(random_state.randint(2**31 - 1))

    def _prepared(self, X, y, sample_weight, incremental, validation):
        first = not self._is_built() or (not self.warm_start and not incremental)
        corpus = self._corpus(X, first)
        self._begin(corpus, first)
        codes = corpus.joined(self.end_code_, self.n_outputs_)
        own, (X_val, *_) = None, validation
        if X_val is not None:
            judged = corpus_of(X_val, self.tokenizer_, "X_val")
            own = self._joined(judged, "X_val")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        parts = parts_of(self, codes, own)
        if first:
            self._initialize(FirstSamples(codes), random_state_of(self.random_state))
        built = self._taken(self._check_sizes(self.context))
        return prepare(self, self._network(built), parts, incremental)

    def _corpus(self, X, first) -> Corpus:
        """The sequences of X; a first fit learns the tokenizer, and the number of codes."""
        if not first:
            return corpus_of(X, self.tokenizer_)
        check_first(self._specs())
        texts = texts_of(X)
        if texts is not None and not any(texts):
            raise ValueError("X holds no text: give at least a token.")
        if texts is not None and len(texts) > 1 and all(len(one) == 1 for one in texts):
            raise ValueError(
                f"X lists {len(texts)} texts of one character each: give one text, or a list of"
                " texts to scikit-learn's cross-validation, which takes a single one apart."
            )
        self.tokenizer_ = None
        if self.tokenizer is not None:
            if texts is None:
                corpus_of(X, None)  # refuses what holds no codes either
                raise ValueError(
                    f"X holds no texts, but tokenizer is {self.tokenizer!r}: give texts, or leave"
                    " the tokenizer out."
                )
            self.tokenizer_ = clone(self.tokenizer).fit(texts)
        return corpus_of(X, self.tokenizer_)

    def _begin(self, corpus: Corpus, first) -> None:
        """Sets what a first fit determines; checks the codes of a later one."""
        if not first:
            self._check_same(corpus, "X")
            return
        count = self._specs()[0].count
        if self.tokenizer_ is not None:
            needed = self.tokenizer_.n_codes_
        else:
            needed = corpus.largest + 1 + corpus.several
        self.n_outputs_ = max(2, needed) if count is None else int(count)
        if needed > self.n_outputs_:
            raise ValueError(
                f"layers[0] is {self._specs()[0]!r}, but X needs {needed} codes"
                f"{', the last for the ends of sequences' * (corpus.several)}."
            )
        self.end_code_ = None
        if corpus.several:
            self.end_code_ = 0 if self.tokenizer_ is not None else self.n_outputs_ - 1
        self.n_features_in_, self.output_shape_ = self.context, (self.context,)

    def _check_same(self, corpus: Corpus, name: str) -> None:
        """Refuses sequences that a fitted model does not take."""
        check_known(corpus, self.n_outputs_, name)
        if corpus.several and self.end_code_ is None:
            raise ValueError(
                f"{name} lists sequences, but the model was fitted to one and has no code for"
                " their ends."
            )

    def _joined(self, corpus: Corpus, name: str) -> np.ndarray:
        self._check_same(corpus, name)
        return corpus.joined(self.end_code_, self.n_outputs_)

    def _check_sizes(self, inputs):
        if inputs != self.n_features_in_:
            raise ValueError(
                f"context cannot change from {self.n_features_in_} to {inputs} while training goes"
                " on."
            )
        if bool(self.tied) != isinstance(self._built_layers.ops[-1], Tied):
            raise ValueError("tied cannot change while training goes on.")
        return super()._check_sizes(inputs)

    def _initialized(self, X, y):
        before = self.__dict__.copy()
        self.__dict__.pop(self._built_name, None)
        try:
            corpus = self._corpus(X, True)
            self._begin(corpus, True)
            first = FirstSamples(corpus.sequences[0])
            self._initialize(first, random_state_of(self.random_state))
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    @with_checked_parameters
    @with_callbacks
    def fit(self, X: Tokens, y: None = None, *, X_val: Tokens | None = None) -> Self:
        """Trains the network on windows over X.

        Parameters
        ----------
        X : str, array-like of int of shape (n_tokens,), or list of these
            One text, or one long array of codes, which is read in place; or a list of texts or
            arrays, whose ends the model then learns too.
        y : ignored
        X_val : like X, default=None
            A text to judge by after each epoch. With `early_stopping` nothing of X is held out
            then.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty or shorter than a window, a parameter is invalid, a layer looks ahead or
            the weights become infinite or NaN. The estimator then stays unchanged, or keeps the
            last finite weights.
        """
        return self._fit(X, y, validation=(X_val, None, None))

    @with_checked_parameters
    def partial_fit(self, X: Tokens, y: None = None) -> Self:
        """Trains for one epoch on X, continuing from the present weights.

        Parameters
        ----------
        X : like X of `fit`
            The first call determines the tokens and the number of codes, if
            `TokenEmbedding(size, count)` does not.
        y : ignored

        Returns
        -------
        self
        """
        return self._fit(X, y, incremental=True)

    @with_checked_parameters
    def initialize(self, X: Tokens, y: None = None) -> Self:  # type: ignore[override]  # no targets
        """Learns the tokens of X and draws the first weights, without training.

        Parameters
        ----------
        X : like X of `fit`
        y : ignored

        Returns
        -------
        self
        """
        return self._initialized(X, y)

    def loss_and_gradient(self, X: Tokens) -> tuple[float, list[list[Any]]]:  # type: ignore[override]  # no targets
        """Computes the loss of all windows of X as one batch, and its gradient.

        Windows follow one another; the last tokens, too few for one, are left out.

        Parameters
        ----------
        X : like X of `fit`

        Returns
        -------
        loss : float
            Mean over the tokens, in nats.
        gradient : list of list of ndarray
            In the form of `get_weights`.
        """
        self._check_fitted()
        codes = self._joined(corpus_of(X, self.tokenizer_), "X")
        check_length(codes, self.n_features_in_, "X")
        loss, gradients = loss_and_gradient(self, codes)
        return loss, by_layer(self._built_layers, gradients)

    @property
    def history_(self) -> dict[str, list[float]]:
        """The losses after each epoch."""
        self._check_fitted()
        found = {"loss": list(self.loss_curve_)}
        if hasattr(self, "validation_loss_curve_"):
            found["validation_loss"] = list(self.validation_loss_curve_ or [])
        return found

    def _rehearsals(self, sparse):
        """What compiles all that a model of these parameters calls, with descriptions.

        `sparse` changes nothing: texts have no sparse form.
        """
        count = self._specs()[0].count or 9
        codes = np.arange(4 * self.context + 8, dtype=np.uint8) % (min(count, 9) - 1)
        options = {"max_iter": 1, "tokenizer": None, "verbose": False, "early_stopping": False}
        options |= {"steps_per_epoch": 1, "warm_start": False}
        for dtype in ("float32", "float64") if self.dtype == "auto" else (self.dtype,):
            model = clone(self).set_params(**options, dtype=dtype)
            yield f"{type(self).__name__} {dtype}", partial(_rehearse, model, codes)

    def _frozen(self, weights=None):
        from .deployment.freezing import freeze  # it imports the estimators

        return freeze(self, n_jobs=self.n_jobs, weights=weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def _rehearse(model, codes) -> None:
    """Fits, judges and writes."""
    model.fit(codes, X_val=codes)
    model.score_samples(codes[: model.context])
    model.generate(codes[:2], 2)
