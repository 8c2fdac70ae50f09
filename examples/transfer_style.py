"""Style transfer by optimisation: slower than a trained network, for any painting, and better."""

# %% [markdown]
# # Transfer the style of any painting
#
# Pixels are optimised until their features match the content of one picture and the style of others.
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
ITERATIONS = {"initial_iterations": 2, "iterations": 2} if BRIEF else {"initial_iterations": 300, "iterations": 150}


def to_image(pixels):
    """Return an array (height, width, 3) in [0, 1] as an image, which a notebook shows."""
    return Image.fromarray(np.uint8(np.round(pixels * 255)))


# %% [markdown]
# This needs the weights of VGG-19 (80 MB; Keras downloads them) and takes a few minutes on two CPU cores. `end_scale`
# is the longer side of the result.

# %%
pictures = []


def collect(progress):
    """Keep a picture now and then."""
    if progress.iterations % 50 == 1:
        pictures.append(progress.frames()[0])


repainted = texture_nets.transfer(
    "pics/chelsea.jpg", "pics/wheat_field.jpg", end_scale=64 if BRIEF else 256, observers=[collect], **ITERATIONS
)
to_image(repainted)

# %% [markdown]
# How the picture developed:

# %%
[to_image(np.clip(picture, 0, 1)) for picture in pictures[:3]]
