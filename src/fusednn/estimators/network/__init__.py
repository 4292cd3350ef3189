"""The network of an estimator: builds it from descriptions, draws and exchanges its parameters."""
