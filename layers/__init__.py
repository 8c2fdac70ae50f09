"""Keras layers of texture networks; importing the package registers them for loading saved models."""
