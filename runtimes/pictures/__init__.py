"""Models that take a picture and return one."""
