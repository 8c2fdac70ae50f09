"""Reading prototxts and caffemodels into plain values."""
