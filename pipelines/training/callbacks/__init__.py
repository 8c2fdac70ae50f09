"""What happens beside the steps of a training: one module for each callback of Keras' `fit`."""
