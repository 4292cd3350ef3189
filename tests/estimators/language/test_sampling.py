"""Sampling against a sampler written out, by given logits and by frequencies."""

import numpy as np
import pytest

from fusednn.estimators.language.sampling import Sampling

LOGITS = np.array([0.3, 2.0, -1.0, 1.5, 2.0, -4.0])


def expected(logits, temperature, top_k, top_p):
    """One token after the other, in the order of their probability."""
    weights = np.exp(logits / temperature)
    order = sorted(range(len(logits)), key=lambda token: -logits[token])
    kept = order
    if top_k is not None:
        kept = [token for token in order if logits[token] >= logits[order[top_k - 1]]]
    total, found, mass = sum(weights[token] for token in kept), {}, 0.0
    for token in kept:
        if top_p is None or mass < top_p:
            found[token] = weights[token]
        mass += weights[token] / total
    return np.array([found.get(token, 0.0) for token in range(len(logits))]) / sum(found.values())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_k", [None, 1, 3, 50])
@pytest.mark.parametrize("top_p", [None, 0.2, 0.75, 1.0])
def test_probabilities(temperature, top_k, top_p):
    k = None if top_k is None else min(top_k, len(LOGITS))
    found = Sampling(temperature, top_k, top_p).probabilities(LOGITS)
    np.testing.assert_allclose(found, expected(LOGITS, temperature, k, top_p), rtol=1e-12)


def test_draws_have_these_frequencies():
    sampling, random = Sampling(0.9, 5, 0.95), np.random.RandomState(0)
    draws = [sampling.draw(LOGITS, random) for _ in range(20_000)]
    shares = np.bincount(draws, minlength=6) / len(draws)
    np.testing.assert_allclose(shares, sampling.probabilities(LOGITS), atol=0.012)
    assert shares[5] == 0


def test_temperature_0_takes_the_first_of_the_largest():
    assert Sampling(0.0).draw(LOGITS, np.random.RandomState(0)) == 1
    assert Sampling(0.0).probabilities(LOGITS).tolist() == [0, 1, 0, 0, 0, 0]


def test_excluded_and_extreme_logits():
    logits = np.array([-np.inf, 0.0, 1e4, 1e4])
    np.testing.assert_allclose(Sampling(1e-3).probabilities(logits), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(Sampling(1e-310).probabilities(logits), [0, 0, 0.5, 0.5])
    draws = {Sampling().draw(logits, np.random.RandomState(seed)) for seed in range(20)}
    assert draws == {2, 3}
