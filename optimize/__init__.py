"""Optimisers over vectors and schedules over scales; independent of networks and files."""
