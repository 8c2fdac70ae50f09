"""Interpreting the code of TorchScript while a network is converted."""
