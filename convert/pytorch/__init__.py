"""PyTorch's files become Keras models, with no PyTorch installed."""
