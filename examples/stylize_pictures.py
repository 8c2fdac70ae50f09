"""Stylising pictures with the networks that ship."""

# %% [markdown]
# # Stylise a picture
#
# A trained network repaints a picture in one forward pass: a fraction of a second for half a megapixel.
#
# On Google Colab the first cell clones the program and installs what it needs; enter the address of the repository
# there. Elsewhere run the notebook in a clone of it, after `pip install -r requirements.txt`.

# %%
import os
import subprocess
import sys

REPOSITORY = ""  # @param {type:"string"}
if "google.colab" in sys.modules and not os.path.exists("texture_nets"):
    subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "texture-nets"], check=True)
    os.chdir("texture-nets")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-r", "requirements.txt"], check=True)
elif os.path.basename(os.getcwd()) == "examples":
    os.chdir("..")
sys.path.insert(0, os.getcwd())

# %%
import numpy as np
from PIL import Image

import texture_nets

SIZE = 96 if "TEXTURE_NETS_BRIEF" in os.environ else 512  # longer side in pixels; the tests set the variable


def to_image(pixels):
    """Return an array (height, width, 3) in [0, 1] as an image, which a notebook shows."""
    return Image.fromarray(np.uint8(np.round(pixels * 255)))


sorted(texture_nets.models())

# %% [markdown]
# A picture may be a path, one of Pillow's images, or a float32 array (height, width, 3) with values in [0, 1]. The
# result is such an array.

# %%
stylized = texture_nets.stylize("pics/coffee.jpg", model="starry_night", image_size=SIZE)
to_image(stylized)

# %% [markdown]
# `strength` mixes the result with the content, `keep_colors` keeps the content's colours.

# %%
photo = Image.open("pics/chelsea.jpg")
half = texture_nets.stylize(photo, model="wave", image_size=SIZE, strength=0.5)
colors_kept = texture_nets.stylize(photo, model="wave", image_size=SIZE, keep_colors=True)
to_image(np.concatenate([half, colors_kept], axis=1))
