"""Networks of other programs become Keras models."""
