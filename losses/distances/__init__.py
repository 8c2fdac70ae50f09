"""Distances of the moments of features to those of a style, by which style transfer compares them."""
