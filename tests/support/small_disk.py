"""A disk on which only small files can be written."""

import resource
from contextlib import contextmanager


@contextmanager
def largest_file(size):
    """Let no file of this process become larger than `size` bytes inside: writing more raises OSError (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
