"""Importing networks of other programs."""
