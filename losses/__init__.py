"""Losses: sums of named terms."""
