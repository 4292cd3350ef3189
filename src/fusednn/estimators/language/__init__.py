"""What a language model does besides training a network: texts, windows, likelihoods, sampling."""
