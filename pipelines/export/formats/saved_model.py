"""TensorFlow's SavedModel: for servers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import keras
import tensorflow as tf

from model.acceleration import accelerate, with_constant_kernels
from model.provenance import PROVENANCE, Provenance
from pipelines.export.graph import SIGNATURE, graph_function, holder_of, trace
from pipelines.export.plan import ExportPlan
from pipelines.export.samples import Inputs
from pipelines.outputs import written_by_tensorflow
from runtimes.styles import EXTRA


def write(model: keras.Model, path: Path, plan: ExportPlan, calibration: Iterable[Inputs] = ()) -> None:
    """Write `model` as a SavedModel folder; nothing is calibrated.

    Raises:
        UserError: the model cannot take inputs of the plan's sizes.
        OSError: the folder cannot be written.
    """
    if plan.makes_pictures:
        model = with_constant_kernels(accelerate(model), exported=True)
    graph = trace(graph_function(model, plan, plain=False))
    with written_by_tensorflow(path.parent):
        tf.saved_model.save(holder_of(graph), str(path), signatures={SIGNATURE: graph})


def add_provenance(path: Path, provenance: Provenance) -> None:
    """Write where the model comes from into a SavedModel folder, as JSON."""
    (path / EXTRA).mkdir(exist_ok=True)
    (path / EXTRA / f"{PROVENANCE}.json").write_text(json.dumps(provenance, indent=1), encoding="utf-8")
