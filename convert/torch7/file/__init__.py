"""Torch7 files as plain values: bytes in, numbers, tables, tensors and objects out; needs no Keras."""
