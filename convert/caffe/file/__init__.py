"""The file room: prototxts and caffemodels as plain values."""
