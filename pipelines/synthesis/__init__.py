"""Textures by optimisation, and samples of texture generators."""
