"""Stylising films with trained generators."""
