"""The network of an estimator: layers built from descriptions, parameters, first values."""
