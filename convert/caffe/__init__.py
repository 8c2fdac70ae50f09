"""Caffe networks become Keras models."""
