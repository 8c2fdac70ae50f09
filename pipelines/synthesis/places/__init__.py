"""Where in the output, and in which of its frames, which statistics are wanted."""
