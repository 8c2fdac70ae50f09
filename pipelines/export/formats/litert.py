"""LiteRT (TensorFlow Lite): for phones and small machines, with built-in operators alone."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import keras
import tensorflow as tf

from errors import UserError, one_line
from model.provenance import PROVENANCE, Provenance
from pipelines.export.formats.convolutions import rewrite_convolutions
from pipelines.export.formats.flatbuffer import shrink, with_metadata
from pipelines.export.graph import graph_function, holder_of, trace
from pipelines.export.int8 import round_convolutions
from pipelines.export.plan import ExportPlan
from pipelines.export.samples import Inputs
from pipelines.outputs import check_disk_space
from runtimes.quiet import without_stderr

# What the converter writes among the temporary files: the weights, and the graph.
WEIGHT_BYTES, GRAPH_BYTES = 4, 10_000_000


def write(model: keras.Model, path: Path, plan: ExportPlan, calibration: Iterable[Inputs] = ()) -> None:
    """Write `model` as a `.tflite` file for inputs of the plan's shapes.

    Args:
        model: Functional or Sequential.
        path: the file.
        plan: with fixed shapes; quantisation "none", "float16", "dynamic" or "int8".
        calibration: the model's inputs, for "int8".

    Raises:
        UserError: the model needs an operator that LiteRT does not have, or the disk of the temporary files is full.
    """
    if plan.quantize == "int8":
        model = round_convolutions(model, calibration)
    model = rewrite_convolutions(model)
    # Where the converter cannot write, it goes on in a way that loses the names of inputs and outputs.
    needed = WEIGHT_BYTES * model.count_params() + GRAPH_BYTES
    check_disk_space(Path(tempfile.gettempdir()), needed, "TMPDIR names another folder for temporary files")
    graph = trace(graph_function(model, plan))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], holder_of(graph))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if plan.quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if plan.quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(shrink(_convert(converter), int8_weights=plan.quantize == "int8"))


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    try:
        with without_stderr():  # the error tells all that stands there
            return converter.convert()
    except Exception as error:  # the converter's own kinds, none of them public
        unknown = re.search(r"(?:TF Select|Custom) ops: (.*)", str(error))
        reason = f"LiteRT has no operator for {unknown[1]}" if unknown else one_line(error)
        raise UserError(f"the model cannot be exported to LiteRT: {reason}") from error


def add_provenance(path: Path, provenance: Provenance) -> None:
    """Write where the model comes from into the metadata of a `.tflite` file: JSON under PROVENANCE."""
    path.write_bytes(with_metadata(path.read_bytes(), PROVENANCE, json.dumps(provenance).encode()))
