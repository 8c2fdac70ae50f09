"""Keras callbacks of a training run, one module for each."""
