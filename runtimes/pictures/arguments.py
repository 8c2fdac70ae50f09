"""The command line of stylize_tensorflow_graph.py."""

from __future__ import annotations

from runtimes.terminal import ArgumentParser

EPILOG = """A SavedModel needs the Python package tensorflow, a .tflite file ai-edge-litert, an .onnx file
onnxruntime or openvino. Models by others may take and return pictures with the channels first or last, in colour or
grey; --image-io tells their values. A model may enlarge pictures, by 2, 3 ... times. If it takes pictures of one size
only, larger ones are reduced and smaller ones extended by mirroring, and the result is enlarged and cropped
accordingly; if it fails on the size of a picture, the picture is extended to multiples of 32 pixels. Transparency
(except in JPEG), EXIF data and resolution are kept, and 16 bits in TIFF. Existing outputs are replaced.
stylize_tensorflow.py stylises films."""
ABOUT_VALUES = """values of the pictures that the model takes and returns: unit (RGB in [0, 1], as exported by this
program), signed ([-1, 1]), byte ([0, 255]), imagenet (standardised as for torchvision's networks), bgr (BGR in
[0, 255]) or caffe (bgr less VGG's mean pixel); two names where it takes other values than it returns
(default: unit)"""


def parser_of(name: str, description: str) -> ArgumentParser:
    """Return the parser of the command line.

    Args:
        name: of the script.
        description: what it does.
    """
    parser = ArgumentParser(prog=name, description=description, epilog=EPILOG)
    parser.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="FILE_OR_FOLDER",
        help="pictures, and folders of pictures (without their subfolders)",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="FILE_OR_FOLDER",
        help="a file for one picture, a folder for several (for one too, if it exists or ends in a slash)",
    )
    parser.add_argument(
        "--model", required=True, metavar="PATH", help="a SavedModel folder, a .tflite or an .onnx file"
    )
    about_style = "styles of a model with several and their weights (1 if left out), or a weight for each, in order"
    parser.add_argument("--style", nargs="+", default=(), metavar="NAME=WEIGHT", help=about_style)
    about_runtime = "Python package that runs an .onnx file: onnxruntime or openvino (default: onnxruntime)"
    parser.add_argument("--runtime", metavar="PACKAGE", help=about_runtime)
    about_image = "style picture of a model that takes any: as its second input, or for --style-model"
    parser.add_argument("--style-image", metavar="FILE", help=about_image)
    about_model = "model that computes from the style picture what --model takes as its second input"
    parser.add_argument("--style-model", metavar="PATH", help=about_model)
    parser.add_argument("--image-io", nargs="+", default=["unit"], metavar="NAME", help=ABOUT_VALUES)
    return parser
