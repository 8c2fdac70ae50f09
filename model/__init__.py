"""The networks: generators, the VGG-19 descriptor."""
