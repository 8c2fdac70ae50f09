"""Names of choices, each list once; importing them loads nothing."""

from __future__ import annotations

# What networks compute in. "auto", where it is allowed, is bfloat16 on processors that are quicker in it.
PRECISIONS = ("float32", "bfloat16")
PRECISIONS_OR_AUTO = ("auto", *PRECISIONS)
# Keras' dtype policies for models whose weights stay float32.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

# Of weights in files of models.
DTYPES = ("float32", "float16")

DESCRIPTORS = ("vgg19", "vgg19-normalized", "random")
# The only layer of the random descriptor.
RANDOM_LAYER = "random"
# Of the descriptor.
POOLINGS = ("max", "average", "l2")

# Directions in which a texture repeats without a seam.
TILEABLE = ("none", "x", "y", "both")

# Of generators: pictures from photos, or from noise.
MODES = ("style", "texture")
NORMALIZATIONS = ("instance", "batch")
LOSS_SCALINGS = ("relative", "absolute")

# Of channels at the borders of a network: last, or first as Torch and Caffe have them.
LAYOUTS = ("nhwc", "nchw")
# The shape of single numbers, where others are such as 3x224x224.
SCALAR = "scalar"

# Of videos.
CODECS = ("h264", "hevc", "av1")
