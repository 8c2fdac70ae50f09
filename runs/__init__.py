"""The common part of all long runs: progress, bar, saved states, resuming, live view."""
