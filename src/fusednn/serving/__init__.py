"""Fitted networks ready for calls: without scikit-learn, and without what only training needs."""
