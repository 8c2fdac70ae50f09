"""Converting PyTorch files to Keras, without PyTorch."""
