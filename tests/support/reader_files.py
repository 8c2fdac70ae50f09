"""The reader's own files, by what stands in their places in the documentation: small ones of the same kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from conftest import ROOT
from PIL import Image

from support.caffe_writer import input_layer, packed_caffemodel
from support.films import write_video
from support.material_cases import write_stones

TORCH7 = ROOT / "tests" / "data" / "torch7" / "tn_johnson_small.t7"
# A detector of one class with the layers of the pair that finds QR codes.
DETECTOR = (
    input_layer("data", (1, 1, 48, 64))
    + """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 8 stride: 8 } }
layer { name: "loc" type: "Convolution" bottom: "conv" top: "loc"
  convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "conf" type: "Convolution" bottom: "conv" top: "conf"
  convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "loc_last" type: "Permute" bottom: "loc" top: "loc_last"
  permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_last" type: "Permute" bottom: "conf" top: "conf_last"
  permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_last" top: "loc_flat" }
layer { name: "conf_rows" type: "Reshape" bottom: "conf_last" top: "conf_rows"
  reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "conf_softmax" type: "Softmax" bottom: "conf_rows" top: "conf_softmax" softmax_param { axis: 2 } }
layer { name: "conf_flat" type: "Flatten" bottom: "conf_softmax" top: "conf_flat" }
layer { name: "prior" type: "PriorBox" bottom: "conv" bottom: "data" top: "prior"
  prior_box_param { min_size: 20 variance: 0.1 } }
layer { name: "found" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat" bottom: "prior" top: "found"
  detection_output_param { num_classes: 2 code_type: CENTER_SIZE keep_top_k: 5 confidence_threshold: 0.1
    nms_param { nms_threshold: 0.45 top_k: 20 } } }
"""
)
ENLARGER = (
    input_layer("data", (1, 1, 10, 12))
    + """
layer { name: "up" type: "Deconvolution" bottom: "data" top: "up"
  convolution_param { num_output: 1 kernel_size: 4 stride: 2 pad: 1 bias_term: false } }
"""
)


def write_reader_files(folder: Path) -> dict[str, str]:
    """Write files for all places of the documentation but those of docs/models.md, and return them by place."""
    random = np.random.default_rng(0)
    photos = folder / "shared" / "photos"
    photos.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (72, 90, 3), np.uint8)).save(photos / f"{number}.png")
    write_video(folder / "film.mp4", [np.full((32, 48, 3), 40 * i, np.uint8) for i in range(3)])
    _write_detector(folder, random)
    _write_enlarger(folder, random)
    networks = {name: name.strip("<>") for name in ("<detect.prototxt>", "<detect.caffemodel>")}
    networks |= {name: name.strip("<>") for name in ("<sr.prototxt>", "<sr.caffemodel>", "<sr.npz>")}
    networks |= dict.fromkeys(("<model.t7>", "<mosaic_style.t7>"), str(TORCH7))
    pictures = {"<photos>": "shared/photos", "<shared>": "shared", "<style.jpg>": "pics/wheat_field.jpg"}
    return {**networks, **pictures, **_write_maps(folder), "<film.mp4>": "film.mp4"}


def _write_maps(folder: Path) -> dict[str, str]:
    """Write the maps of a surface and return them by place."""
    keys = {"color": "baseColor", "normal": "normal", "roughness": "roughness", "height": "height", "ao": "ao"}
    files = write_stones(folder)
    return {f"<{name}.png>": files[key].name for name, key in keys.items()}


def _write_detector(folder: Path, random: np.random.Generator) -> None:
    shapes = {"conv": (4, 1, 8, 8), "loc": (4, 4, 1, 1), "conf": (2, 4, 1, 1)}
    weights = {
        name: [0.1 * random.standard_normal(shape), 0.1 * random.standard_normal(shape[0])]
        for name, shape in shapes.items()
    }
    (folder / "detect.prototxt").write_text(DETECTOR)
    (folder / "detect.caffemodel").write_bytes(packed_caffemodel(weights))


def _write_enlarger(folder: Path, random: np.random.Generator) -> None:
    """With what Caffe computes, which PyTorch computes too."""
    kernel = random.random((1, 1, 4, 4), np.float32) / 4
    picture = random.random((1, 1, 10, 12), np.float32)
    enlarged = torch.nn.functional.conv_transpose2d(torch.tensor(picture), torch.tensor(kernel), stride=2, padding=1)
    (folder / "sr.prototxt").write_text(ENLARGER)
    (folder / "sr.caffemodel").write_bytes(packed_caffemodel({"up": [kernel]}))
    np.savez(folder / "sr.npz", input=picture, blob_up=enlarged.numpy())
