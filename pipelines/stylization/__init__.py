"""Stylising pictures and films with trained generators."""
