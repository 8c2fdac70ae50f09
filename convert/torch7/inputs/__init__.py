"""Deriving the inputs of a Torch7 network from its first modules."""
