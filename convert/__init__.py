"""Converting model files of other programs to Keras."""
