"""What the estimators without targets share: two lists of layers, one behind the other."""
