"""Texture Nets for Keras as a library. Functions take and return pictures; files are written only if a path is given.

    import texture_nets

    stylized = texture_nets.stylize("pics/coffee.jpg", model="starry_night")

Pictures can be passed as floating-point arrays (height, width, 3), RGB, sRGB-encoded, with values in [0, 1] (divide
arrays of 8 bits by 255); as paths of files; or as Pillow images of 8 bits a channel. They are returned as float32
arrays of this form. Importing this module does not import Keras or NumPy; each function imports what it needs when it
is called.

Functions that run for long take `observers`. Each observer is called after every iteration with a
`runs.progress.RunProgress`, whose `frames()` returns the current pictures, float32 (count, height, width, 3). An
observer may raise StopIteration to end the run with the current result. The options of these functions are those of the
scripts, with underscores in place of hyphens.

Errors that the caller can correct raise `UserError` (`ArgumentError` for arguments); pictures that cannot be read raise
`ImageError`.
"""

from __future__ import annotations

from errors import ArgumentError, UserError
from images.errors import ImageError
from pipelines.materials.material import Material
from pipelines.synthesis.texture import Texture
from texture_nets.networks import export, import_caffe, import_torch, load, models, train
from texture_nets.pictures import sample, stylize, synthesize, synthesize_material, transfer
from version import VERSION

__version__ = VERSION
__all__ = ["export", "import_caffe", "import_torch", "load", "models", "sample", "stylize", "synthesize", "train"]
__all__ += ["ArgumentError", "ImageError", "Material", "Texture", "UserError", "synthesize_material", "transfer"]
