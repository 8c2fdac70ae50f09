"""Training a network for a painting."""

# %% [markdown]
# # Train a network of your own
#
# A network that repaints any picture like one painting, in one forward pass.
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
SIZE = 64 if BRIEF else 256


def to_image(pixels):
    """Return an array (height, width, 3) in [0, 1] as an image, which a notebook shows."""
    return Image.fromarray(np.uint8(np.round(pixels * 255)))


# %% [markdown]
# A training needs some hundred photos: give a folder of yours as `data`. The three pictures here only show how. It
# needs the weights of VGG-19 (80 MB; Keras downloads them), and ten thousand iterations for a good network: about four
# hours on two CPU cores in bfloat16. `initial_generator` starts from an included network and needs far fewer.

# %%
PHOTOS = ["pics/coffee.jpg", "pics/chelsea.jpg", "pics/astronaut.jpg"]
losses = []
generator = texture_nets.train(
    "pics/wheat_field.jpg",
    PHOTOS,
    initial_generator="starry_night",
    image_size=SIZE,
    num_iterations=2 if BRIEF else 200,
    observers=[lambda progress: losses.append(progress.loss)],
)
losses[0], losses[-1]

# %%
to_image(texture_nets.stylize("pics/coffee.jpg", generator, image_size=SIZE))

# %% [markdown]
# `generator` is a Keras model: `generator.save("wheat_field.keras")` saves it.
