"""The likelihoods of texts under a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from .corpora import check_known, corpus_of
from .likelihoods import log_likelihoods
from .structure import attends, has_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fusednn.estimators.input.types import Tokens


class ScoringMixin(BaseEstimator):
    """Methods that judge texts; a base class of `LanguageModel`."""

    def score_samples(self, X: Tokens) -> NDArray[np.float64]:
        """Computes the log-likelihood of each sequence.

        The first token is given. After a fit on a list it is not: the likelihood is that of the
        whole sequence, from its beginning to its end.

        Parameters
        ----------
        X : like X of `fit`
            A sequence longer than `context` is read in windows that overlap by half if the
            network has attention, and refused if it has a table of positions.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Sums over the tokens, in nats.

        Raises
        ------
        ValueError
            If a sequence is empty, has unknown tokens, or is too long for a table of positions.

        Examples
        --------
        >>> from fusednn import LanguageModel
        >>> from fusednn.layers import GRU, TokenEmbedding
        >>> layers = [TokenEmbedding(8), GRU(8, return_sequences=True)]
        >>> model = LanguageModel(layers, context=8, learning_rate_init=0.02, random_state=0)
        >>> model = model.fit([0, 1, 2] * 200)
        >>> likely, unlikely = model.score_samples([[0, 1, 2, 0], [0, 2, 1, 0]])
        >>> bool(likely > unlikely)
        True
        """
        return self._log_likelihoods(X)[0]

    def perplexity(self, X: Tokens) -> float:
        """Computes the perplexity: exp of the mean negative log-likelihood of a token.

        Parameters
        ----------
        X : like X of `score_samples`

        Returns
        -------
        float
            From 1; as many equally probable tokens would be as uncertain.
        """
        return float(np.exp(-self.score(X)))

    def score(self, X: Tokens, y: None = None) -> float:
        """Computes the mean log-likelihood of a token.

        Parameters
        ----------
        X : like X of `score_samples`
        y : ignored

        Returns
        -------
        float
        """
        found, count = self._log_likelihoods(X)
        if not count:
            raise ValueError(
                "X has a single token, and nothing that is predicted: give at least two."
            )
        return float(found.sum() / count)

    def _log_likelihoods(self, X) -> tuple[np.ndarray, int]:
        """The log-likelihoods of the sequences of X, and how many tokens are predicted."""
        self._check_fitted()
        corpus = corpus_of(X, self.tokenizer_)
        check_known(corpus, self.n_outputs_)
        sequences, end, ops = corpus.sequences, self.end_code_, self._built_layers.ops
        if end is not None:
            sequences = [np.concatenate(([end], one, [end])) for one in sequences]
        longest, context = max(map(len, sequences)) - 1, self.n_features_in_
        if longest > context and has_positions(ops):
            raise ValueError(
                f"X has a sequence of {longest} tokens to read, but the table of positions of the"
                f" model has {context}: cut it, or use rotary positions."
            )
        found = log_likelihoods(self._frozen(), sequences, context, attends(ops))
        return found, sum(len(one) - 1 for one in sequences)
