"""Exporting models for servers, phones and browsers."""
