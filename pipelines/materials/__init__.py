"""Materials: all maps of a surface synthesised together, and their files."""
