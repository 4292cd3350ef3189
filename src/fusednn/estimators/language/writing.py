"""Texts that a language model writes."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from fusednn.estimators.fitting.randoms import random_state_of
from fusednn.text import UNKNOWN

from .continuing import NextLogits, continued
from .corpora import check_known, corpus_of
from .sampling import Sampling
from .structure import has_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fusednn.estimators.input.types import Prompt, RandomState
    from fusednn.serving.types import RoundedWeights


class WritingMixin(BaseEstimator):
    """Methods that write texts; a base class of `LanguageModel`."""

    def generate(
        self,
        prompt: Prompt,
        n: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: RandomState = None,
        *,
        unknown: bool = False,
        weights: RoundedWeights | None = None,
    ) -> str | NDArray[np.integer[Any]]:
        """Writes what follows a prompt.

        Parameters
        ----------
        prompt : str or array-like of int of shape (n_tokens,)
            After a fit on a list it may be empty: a new text begins.
        n : int
            The most tokens. After a fit on a list, fewer follow if the text ends.
        temperature : float, default=1.0
            Divides the logits: below 1 what is probable becomes more so. 0 chooses the most
            probable token.
        top_k : int or None, default=None
            Only so many of the most probable tokens can follow.
        top_p : float or None, default=None
            Only the most probable tokens can follow, as few as have this probability together.
        random_state : int, RandomState or None, default=None
        unknown : bool, default=False
            Whether the mark of unknown tokens can follow, if the tokenizer has one. False draws
            from the other tokens alone.
        weights : {"bfloat16", "int8"} or None, default=None
            The type to which `freeze` rounds the weights, so that a token takes less time.

        Returns
        -------
        str or ndarray of int64
            In the prompt's kind, without the prompt.

        Raises
        ------
        ValueError
            If an argument is invalid, the prompt has unknown tokens, or it and what follows exceed
            a table of positions. With rotary positions the last `context` tokens are seen. If the
            CPU lacks the instructions for `weights`.

        Examples
        --------
        >>> from fusednn import LanguageModel
        >>> from fusednn.layers import GRU, TokenEmbedding
        >>> layers = [TokenEmbedding(8), GRU(8, return_sequences=True)]
        >>> model = LanguageModel(layers, context=8, learning_rate_init=0.02, random_state=0)
        >>> model.fit([0, 1, 2] * 200).generate([0, 1], 4, temperature=0).tolist()
        [2, 0, 1, 2]
        """
        how = temperature, top_k, top_p, random_state
        pieces = self.iter_generate(prompt, n, *how, unknown=unknown, weights=weights)
        if isinstance(prompt, str):
            return "".join(pieces)
        return np.fromiter(pieces, np.int64)

    def iter_generate(
        self,
        prompt: Prompt,
        n: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: RandomState = None,
        *,
        unknown: bool = False,
        weights: RoundedWeights | None = None,
    ) -> Iterator[Any]:
        """Yields what `generate` returns, piece by piece, as soon as each is known.

        Parameters
        ----------
        prompt, n, temperature, top_k, top_p, random_state, unknown, \
weights
            As `generate` takes them; they are checked in the call.

        Yields
        ------
        str or int
            A piece of at least one character, never half of one; or a code.
        """
        self._check_fitted()
        sampling = Sampling(temperature, top_k, top_p)
        sampling.check()
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 0:
            raise ValueError(f"n must be an integer from 0, got {n!r}.")
        codes = self._prompt(prompt)
        ops, first = self._built_layers.ops, codes or [self.end_code_]
        if has_positions(ops) and len(first) + n - 1 > self.n_features_in_:
            raise ValueError(
                f"The prompt has {len(first)} tokens and n is {n}, but the table of positions of"
                f" the model has {self.n_features_in_}: use fewer, or rotary positions."
            )
        logits_of = NextLogits(self._frozen(weights))
        found = continued(
            *(logits_of, first, n, sampling, random_state_of(random_state)),
            *(self._never(bool(unknown)), self.end_code_),
        )
        if not isinstance(prompt, str):
            return found
        assert self.tokenizer_ is not None
        return self.tokenizer_.iter_decode(found, continues=bool(codes))

    def _never(self, unknown: bool) -> np.ndarray:
        """The codes that are not drawn: those that no text has, and that of unknown tokens."""
        if self.tokenizer_ is None:
            return np.arange(0)
        codes = np.arange(self.n_outputs_)
        first = 0 if self.end_code_ is not None else 1
        without = (codes < first) | (codes >= self.tokenizer_.n_codes_)
        if self.tokenizer_._has_unknown and not unknown:
            without[UNKNOWN] = True
        return codes[without]

    def _prompt(self, prompt) -> list[int]:
        """The codes of a prompt; none of an empty one."""
        if self.tokenizer_ is None and isinstance(prompt, str):
            raise ValueError("The prompt is a text, but the model was fitted to codes.")
        if isinstance(prompt, Sized) and len(prompt) == 0:
            if self.end_code_ is None:
                raise ValueError("The prompt is empty: give at least one token to go on from.")
            return []
        corpus = corpus_of(prompt, self.tokenizer_, "prompt")
        if corpus.several:
            raise ValueError("prompt must be one text or one sequence of codes, not a list.")
        check_known(corpus, self.n_outputs_, "prompt")
        return corpus.sequences[0].tolist()
