"""Foreign model files become Keras models."""
