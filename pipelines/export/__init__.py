"""Generators for servers, phones and browsers."""
