"""Fitting a classifier to examples: the loop and the rule that says when it has settled."""
