"""Fitted estimators and pipelines as predictors, exports and compiled kernels."""
