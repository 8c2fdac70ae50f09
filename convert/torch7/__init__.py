"""Converting Torch7 files to Keras."""
