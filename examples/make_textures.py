"""Textures: from a trained generator at once, from a photo by optimisation."""

# %% [markdown]
# # Make textures
#
# New pictures of a texture: immediately with a trained generator, or of any photo by optimisation.
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

BRIEF = "TEXTURE_NETS_BRIEF" in os.environ  # set by the tests
SIZE = 96 if BRIEF else 256


def to_image(pixels):
    """Return an array (height, width, 3) in [0, 1] as an image, which a notebook shows."""
    return Image.fromarray(np.uint8(np.round(pixels * 255)))


# %% [markdown]
# `bark` is a trained generator; its tile repeats without a seam. Here it is shown twice, side by side.

# %%
tile = texture_nets.sample("bark", size=SIZE, tileable="both")
to_image(np.tile(tile, (1, 2, 1)))

# %% [markdown]
# Any photo of a texture can be continued by optimisation, which needs the weights of VGG-19 (80 MB; Keras downloads
# them). On two CPU cores 100 iterations at 256 x 256 pixels take about half a minute. An observer follows the run.


# %%
def follow(progress):
    """Print the loss now and then; raising StopIteration would end the run with the present picture."""
    if progress.iterations % 20 == 0:
        print(f"{progress.iterations} iterations, loss {progress.loss:.4g}")


texture = texture_nets.synthesize("pics/bricks.jpg", SIZE, max_iter=2 if BRIEF else 100, octaves=2, observers=[follow])
to_image(texture.pixels)
