"""Exported models, run with NumPy arrays alone: SavedModel folders, LiteRT and ONNX files; may be copied alone."""
