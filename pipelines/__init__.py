"""One module a journey; the only room that imports all the others."""
