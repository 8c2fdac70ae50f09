"""Single-shot detectors select the boxes that OpenCV selects."""

import cv2
import keras
import numpy as np
import pytest
from support.caffe_writer import input_layer, write_network

from convert.caffe.conversion import convert_caffe
from errors import UserError
from model.saving import load_model, save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

PRIORS = {
    "plain": "min_size: 12 aspect_ratio: 2 variance: 0.1",
    "all": "min_size: 10 min_size: 16 max_size: 14 max_size: 30 aspect_ratio: 2 aspect_ratio: 3 aspect_ratio: 2 "
    "clip: true variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 offset: 0.5",
    "steps": "clip: false min_size: 8 aspect_ratio: 1.5 flip: false step: 8 offset: 0.25 variance: 0.2",
}
CLASSES = 3


def detector(prior, detection, *, heads=2):
    """Return a prototxt whose inputs are a picture, feature maps, and what a network says of the boxes there."""
    names = [f"map{index}" for index in range(heads)]
    text = input_layer("data", (1, 1, 48, 64))
    text += "".join(input_layer(name, (1, 2, 6 >> index, 8 >> index)) for index, name in enumerate(names))
    for name in names:
        text += f'layer {{ name: "{name}_prior" type: "PriorBox" bottom: "{name}" bottom: "data" top: "{name}_prior" '
        text += f"prior_box_param {{ {prior} }} }}\n"
    wires = "".join(f'bottom: "{name}_prior" ' for name in names)
    text += f'layer {{ name: "priors" type: "Concat" {wires} top: "priors" concat_param {{ axis: 2 }} }}\n'
    return text + detection


def outputs(text, folder, inputs, names):
    conversion = convert_caffe(*write_network(folder, text, {}), outputs=names)
    save_model(conversion.model, folder / "model.keras")
    given = {name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for name, array in inputs.items()}
    found = load_model(folder / "model.keras")(given)
    found = found if isinstance(found, dict) else {names[0]: found}
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}


def opencv(folder, inputs, name):
    network = cv2.dnn.readNetFromCaffe(str(folder / "network.prototxt"), str(folder / "network.caffemodel"))
    for blob, array in inputs.items():
        network.setInput(array, blob)
    return network.forward(name)


def maps(heads=2):
    inputs = {"data": np.zeros((1, 1, 48, 64), np.float32)}
    return inputs | {f"map{index}": np.zeros((1, 2, 6 >> index, 8 >> index), np.float32) for index in range(heads)}


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_prior_boxes_are_opencvs(prior, tmp_path):
    inputs = maps()
    found = outputs(detector(prior, ""), tmp_path, inputs, ["priors"])["priors"]
    expected = opencv(tmp_path, inputs, "priors")
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


DETECTION = """layer { name: "out" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "priors" top: "out"
  detection_output_param { num_classes: %d %s } }"""
SELECTIONS = {
    "center": "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 top_k: 40 } keep_top_k: 20 "
    "confidence_threshold: 0.3",
    "corner": "code_type: CORNER nms_param { nms_threshold: 0.3 top_k: 100 } keep_top_k: 50 confidence_threshold: 0.1",
    "few": "code_type: CENTER_SIZE keep_top_k: 7 confidence_threshold: 0.2 nms_param { nms_threshold: 0.6 top_k: 400 }",
    "classwise": "share_location: false code_type: CENTER_SIZE keep_top_k: 30 confidence_threshold: 0.25 "
    "nms_param { nms_threshold: 0.45 top_k: 400 }",
    "last_class_background": "background_label_id: 2 code_type: CENTER_SIZE keep_top_k: 30 confidence_threshold: 0.25 "
    "nms_param { nms_threshold: 0.45 top_k: 400 }",
}


def detection_inputs(parameters, seed=0):
    random = np.random.default_rng(seed)
    boxes = (6 * 8 + 3 * 4) * 3
    sets = CLASSES if "share_location: false" in parameters else 1
    scale = 0.05 if "CORNER" in parameters else 1
    scores = random.random((1, boxes, CLASSES)) ** 4
    locations = random.standard_normal((1, boxes * sets * 4)) * scale
    return {"loc": locations.astype(np.float32), "conf": scores.reshape(1, -1).astype(np.float32)}


def network(parameters, inputs):
    # OpenCV has no defaults for these.
    for default in ("share_location: true", "background_label_id: 0"):
        if default.split(":")[0] not in parameters:
            parameters = f"{default} {parameters}"
    text = "".join(input_layer(name, array.shape) for name, array in inputs.items())
    return detector(PRIORS["plain"], text + DETECTION % (CLASSES, parameters))


@pytest.mark.backends
@pytest.mark.parametrize("parameters", SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_selections_are_opencvs(parameters, seed, tmp_path):
    inputs = detection_inputs(parameters, seed)
    found = outputs(network(parameters, inputs), tmp_path, maps() | inputs, ["out"])["out"]
    assert found.shape[0] == found.shape[3] == 1
    found = found.reshape(-1, 7)
    expected = opencv(tmp_path, maps() | inputs, "out").reshape(-1, 7)
    expected = expected[expected[:, 2] > 0]  # OpenCV fills up with zeros
    expected = expected[np.argsort(expected[:, 1], kind="stable")]  # it takes the classes as they come
    assert len(expected) > 4
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_nothing_found_is_one_row_a_picture(tmp_path):
    parameters = SELECTIONS["center"].replace("confidence_threshold: 0.3", "confidence_threshold: 2")
    inputs = detection_inputs(parameters)
    found = outputs(network(parameters, inputs), tmp_path, maps() | inputs, ["out"])["out"]
    assert found.ravel().tolist() == [0, -1, -1, -1, -1, -1, -1]


@pytest.mark.parametrize("encoded", [False, True])
def test_raw_detections_are_boxes_and_scores(encoded, tmp_path):
    inputs = detection_inputs("")
    parameters = SELECTIONS["center"] + " variance_encoded_in_target: true" * encoded
    files = write_network(tmp_path, network(parameters, inputs), {})
    conversion = convert_caffe(*files, raw_detections=True)
    assert conversion.part.outputs == ("boxes", "scores")
    given = {name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for name, array in maps().items()}
    found = conversion.model(given | inputs)
    np.testing.assert_array_equal(found["scores"], inputs["conf"].reshape(1, -1, CLASSES))
    (tmp_path / "network.prototxt").write_text(detector(PRIORS["plain"], ""))
    priors = opencv(tmp_path, maps(), "priors").reshape(2, -1, 4)
    low, high = priors[0, :, :2], priors[0, :, 2:]
    moves = inputs["loc"].reshape(-1, 4) * (1 if encoded else priors[1])
    center, half = (low + high) / 2 + moves[:, :2] * (high - low), np.exp(moves[:, 2:]) * (high - low) / 2
    expected = np.concatenate([center - half, center + half], axis=1)[None]
    np.testing.assert_allclose(found["boxes"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("nms_param { eta: 0.9 top_k: 5 }", "eta 0.8999.*: a changing threshold.*`raw_detections`"),
        ("nms_param { top_k: 5000 }", "top_k must be at least 1 and at most 4096, not 5000"),
        ("nms_param { top_k: 5 } keep_top_k: 0", "keep_top_k 0 must be positive, or -1"),
        ("nms_param { top_k: 5 } share_location: false", "each prior box needs four locations and 3 scores"),
    ],
)
def test_what_cannot_be_converted_is_named(parameters, message, tmp_path):
    inputs = detection_inputs("")
    with pytest.raises(UserError, match=f"'out' .DetectionOutput.: .*{message}"):
        convert_caffe(*write_network(tmp_path, network(parameters, inputs), {}))


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("", "needs min_size"),
        ("min_size: -1", "needs min_size"),
        ("min_size: 4 max_size: 2", "must have one larger size"),
        ("min_size: 4 variance: 0.1 variance: 0.2", "one or four positive ones"),
    ],
)
def test_impossible_priors_are_named(prior, message, tmp_path):
    with pytest.raises(UserError, match=message):
        convert_caffe(*write_network(tmp_path, detector(prior, ""), {}), outputs=["priors"])


@pytest.mark.parametrize(("format", "suffix"), [("onnx", ".onnx"), ("litert", ".tflite")])
def test_selections_leave(format, suffix, tmp_path):
    inputs = detection_inputs("")
    expected = outputs(network(SELECTIONS["center"], inputs), tmp_path, maps() | inputs, ["out"])["out"]
    assert expected.size > 7  # or nothing is found
    given = maps() | inputs
    given = {name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for name, array in given.items()}
    np.savez(tmp_path / "samples.npz", **given)
    exported = tmp_path / f"model{suffix}"
    samples = tmp_path / "samples.npz"
    report = export_model(input=tmp_path / "model.keras", output=exported, format=format, samples=samples)
    if format == "onnx":  # or the guide need not ask for raw detections any more
        assert "cannot run it" in report.opencv
    (found,) = load_graph(exported).run(given).values()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_regions_are_pooled_as_in_opencv(tmp_path):
    """Boxes within the picture, across its border, and outside."""
    generator = np.random.default_rng(3)
    corners = np.sort(generator.uniform(-40, 300, (20, 2, 2)), axis=1).reshape(20, 4)
    inputs = {
        "data": generator.normal(size=(1, 4, 9, 14)).astype(np.float32),
        "rois": np.concatenate([np.zeros((20, 1)), corners], axis=1).astype(np.float32),
    }
    text = input_layer("data", (1, 4, 9, 14)) + input_layer("rois", (20, 5))
    text += 'layer { name: "pool" type: "ROIPooling" bottom: "data" bottom: "rois" top: "pool" '
    text += "roi_pooling_param { pooled_h: 3 pooled_w: 5 spatial_scale: 0.0625 } }\n"
    found = outputs(text, tmp_path, inputs, ["pool"])["pool"]
    expected = opencv(tmp_path, inputs, "pool").transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("PSROIPooling", "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 1 }"),
        ("Python", "python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' }"),
    ],
)
def test_what_stands_before_other_layers_of_detectors_converts(kind, parameters, tmp_path):
    text = input_layer("data", (1, 2, 9, 14)) + input_layer("rois", (20, 5))
    text += 'layer { name: "tanh" type: "TanH" bottom: "data" top: "tanh" }\n'
    text += f'layer {{ name: "l" type: "{kind}" bottom: "tanh" bottom: "rois" top: "l" {parameters} }}\n'
    paths = write_network(tmp_path, text)
    with pytest.raises(UserError, match=rf"layer 4 'l' \({kind}\): unknown layer type"):
        convert_caffe(*paths)
    assert convert_caffe(*paths, outputs=["tanh"]).model.output.shape == (None, None, None, 2)
