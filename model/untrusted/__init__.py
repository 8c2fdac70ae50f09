"""Checks of untrusted model files before Keras reads them: the archive, the configuration, the weights."""
