"""What the estimators of raw tables consist of: data, recipes, members, weights, answers."""
