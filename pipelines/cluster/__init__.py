"""Pictures and films stylised by many machines at once, through Ray."""
