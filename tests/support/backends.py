"""What tests of Keras' other backends share."""

# Most of jax's time goes into compiling each function once: it is told to spend little on making them quick.
QUICK_COMPILATION = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
