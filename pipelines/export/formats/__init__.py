"""The export formats: the writer of each, and the forms of operations that its runtime computes fastest."""
