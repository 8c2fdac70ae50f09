"""What model files from strangers must pass before Keras sees them: the archive, the configuration, the weights."""
