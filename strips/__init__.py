"""A generator over pictures of any size, in horizontal strips, with the same pixels as over the whole picture."""
