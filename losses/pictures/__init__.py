"""Losses of pictures themselves, which no descriptor sees first."""
