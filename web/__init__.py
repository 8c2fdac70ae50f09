"""The live view of a run in the browser: a small server and its page, from the standard library alone."""
