"""The generators: networks that make a picture in one pass, by name in `registry`."""
