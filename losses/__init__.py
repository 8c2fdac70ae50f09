"""Losses: small objects that add up."""
