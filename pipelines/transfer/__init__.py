"""Style transfer by optimisation."""
