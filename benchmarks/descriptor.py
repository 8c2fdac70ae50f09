"""Time and memory of a descriptor cut at relu3_1, against a network that ends there and against the whole one.

`python -m benchmarks.descriptor VGG19.h5`; each row is a process that builds the network, reads its
weights and computes the features of one picture.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.measure import alternate_processes, print_table

DESCRIPTOR = """
import sys
import numpy as np
import tensorflow as tf
from model.descriptor import build_descriptor
model = build_descriptor([sys.argv[3]], weights=sys.argv[1])
size = int(sys.argv[2])
tf.function(model)(tf.zeros((1, size, size, 3)))
"""

ENDS_THERE = """
import sys
import h5py
import keras
import tensorflow as tf
mean = (103.939, 116.779, 123.68)
model = keras.Sequential([keras.Input((None, None, 3))])
with h5py.File(sys.argv[1]) as file:
    for name in ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1"):
        if name in ("block2_conv1", "block3_conv1"):
            model.add(keras.layers.MaxPooling2D(2))
        kernel, bias = (file[name][key][:] for key in file[name].attrs["weight_names"])
        layer = keras.layers.Conv2D(
            bias.size, 3, padding="same", activation="relu", kernel_initializer="zeros"
        )
        model.add(layer)
        layer.set_weights([kernel, bias])
size = int(sys.argv[2])
tf.function(lambda x: model(x[..., ::-1] * 255 - mean))(tf.zeros((1, size, size, 3)))
"""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="VGG-19's weights in the layout of keras.applications")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    given = [arguments.weights, str(arguments.size)]
    jobs = {
        "network that ends at relu3_1": ["-c", ENDS_THERE, *given],
        "descriptor cut at relu3_1": ["-c", DESCRIPTOR, *given, "relu3_1"],
        "whole descriptor": ["-c", DESCRIPTOR, *given, "pool5"],
    }
    taken = alternate_processes(jobs, arguments.runs)
    base = taken["network that ends at relu3_1"]
    rows = [
        (
            name,
            f"{process.seconds:.2f}",
            f"{process.seconds / base.seconds:.2f}",
            f"{process.megabytes:.0f}",
            f"{process.megabytes / base.megabytes:.2f}",
        )
        for name, process in taken.items()
    ]
    print_table(f"{arguments.size} x {arguments.size}", ("what", "seconds", "ratio", "MB", "ratio"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
