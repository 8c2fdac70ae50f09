"""The folder of a run: what it was asked for, its files, and which run is gone on with there."""
