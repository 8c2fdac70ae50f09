"""The version of the program: the one place where it stands (CITATION.cff repeats it, tests compare them)."""

VERSION = "1.0.0"
