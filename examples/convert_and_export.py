"""From a Torch7 file to Keras, and on to servers, phones and browsers."""

# %% [markdown]
# # Convert and export a network
#
# Networks of Torch7 and Caffe become Keras models with the same numbers, and Keras models LiteRT or ONNX files.
#
# On Google Colab the first cell clones the program and installs what it needs; enter the address of the repository
# there. Elsewhere run the notebook in a clone of it, after
# `pip install -r requirements.txt -r requirements-export.txt`.

# %%
import os
import subprocess
import sys

REPOSITORY = ""  # @param {type:"string"}
if "google.colab" in sys.modules and not os.path.exists("texture_nets"):
    subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "texture-nets"], check=True)
    os.chdir("texture-nets")
    needed = ["-r", "requirements.txt", "-r", "requirements-export.txt"]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *needed], check=True)
elif os.path.basename(os.getcwd()) == "examples":
    os.chdir("..")
sys.path.insert(0, os.getcwd())

# %%
import tempfile
from pathlib import Path

import numpy as np

import texture_nets

SIZE = (64, 64) if "TEXTURE_NETS_BRIEF" in os.environ else (512, 512)  # height and width; the tests set the variable

# %% [markdown]
# This small network was written by Torch7 itself, with an input and the output that Torch7 computed. `image_io="none"`
# gives the bare network, to compare with; without it the model takes and returns RGB pictures in [0, 1].

# %%
bare = texture_nets.import_torch("tests/data/torch7/tn_johnson_small.t7", image_io="none")
with np.load("tests/data/torch7/tn_johnson_small.npz") as reference:
    computed = np.asarray(bare(reference["input"].transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    difference = np.abs(computed - reference["output"]).max() / np.abs(reference["output"]).max()
print(f"largest relative difference from Torch7: {difference:.1e}")

# %%
model = texture_nets.import_torch("tests/data/torch7/tn_johnson_small.t7")
texture_nets.stylize("pics/coffee.jpg", model, image_size=96).shape

# %% [markdown]
# An export is run by its own runtime and compared with the Keras model before it is kept.

# %%
folder = Path(tempfile.mkdtemp())
report = texture_nets.export("starry_night", folder / "starry_night.tflite", quantize="float16", size=SIZE)
print(f"{report.size / 1e6:.1f} MB, {report.comparisons[0].psnr:.0f} dB from the Keras model")
