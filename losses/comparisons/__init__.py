"""Comparisons of a descriptor's activations beside Gram matrices: how features are arranged."""
