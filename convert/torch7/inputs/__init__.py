"""What a Torch7 network takes as input: what its first modules say, and the shapes that follow."""
