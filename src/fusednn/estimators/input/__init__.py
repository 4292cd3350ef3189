"""What users give: parameters, X, y, labels, weights, and how they are checked and scored."""
