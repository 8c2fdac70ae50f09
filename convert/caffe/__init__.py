"""Converting Caffe networks to Keras."""
