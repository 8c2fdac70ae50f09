"""Pictures through a trained generator."""
