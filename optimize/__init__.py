"""Optimisers over vectors and schedules over scales; knows nothing of networks or files."""
