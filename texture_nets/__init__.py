"""Texture Nets for Keras as a library: pictures in, pictures out, nothing written unless a path is given.

    import texture_nets

    stylized = texture_nets.stylize("pics/coffee.jpg", model="starry_night")

A picture that goes in is a float32 array (height, width, 3), RGB, sRGB-encoded, with values in [0, 1]; or the path of a
file; or one of Pillow's images. A picture that comes out is such an array. Importing this module loads
neither Keras nor NumPy: each function loads what it needs when it is called.

Long calls take `observers`: each is called after every iteration with a `runs.progress.RunProgress`, whose `frames()`
returns the present pictures, float32 (count, height, width, 3), and may raise StopIteration to end the run with them.
Their further options are those of the settings that they name, which are the scripts' with underscores.

What the caller can mend raises `UserError` (`ArgumentError` for an argument); a broken picture raises `ImageError`.
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
