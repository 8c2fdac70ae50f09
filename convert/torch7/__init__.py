"""Torch7 files become Keras models."""
