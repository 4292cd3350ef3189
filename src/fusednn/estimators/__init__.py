"""The scikit-learn-style estimators."""
