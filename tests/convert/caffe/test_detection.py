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


def refinement(inputs, parameters, bottoms):
    """Return a prototxt whose DetectionOutput reads `bottoms`, inputs, after the prior boxes."""
    wires = "".join(f' bottom: "{name}"' for name in bottoms)
    return network(parameters, inputs).replace('bottom: "priors" top', f'bottom: "priors"{wires} top')


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["center", "corner"])
@pytest.mark.parametrize("moves", [False, True])
def test_boxes_of_a_first_step_are_refined(kind, moves, tmp_path):
    """RefineDet's layer (Zhang et al. 2018, 1711.06897) selects among boxes that a first step has moved already."""
    random = np.random.default_rng(7)
    inputs = detection_inputs(SELECTIONS[kind])
    boxes = inputs["conf"].size // CLASSES
    first = {"seen": random.random((1, boxes * 2)).astype(np.float32)}
    if moves:
        first["moved"] = (random.standard_normal((1, boxes * 4)) * 0.5).astype(np.float32)
    text = refinement(inputs | first, f"{SELECTIONS[kind]} objectness_score: 0.4", first)
    found = outputs(text, tmp_path, maps() | inputs | first, ["out"])["out"].reshape(-1, 7)
    # OpenCV selects among the moved boxes, given in the place of prior boxes, with the scores of those that are seen.
    (tmp_path / "network.prototxt").write_text(detector(PRIORS["plain"], ""))
    priors = opencv(tmp_path, maps(), "priors")
    if moves:
        corners, variances = priors.reshape(2, -1, 4)
        shifts = first["moved"].reshape(-1, 4) * variances
        size = corners[:, 2:] - corners[:, :2]
        middle, half = corners.reshape(-1, 2, 2).mean(1) + shifts[:, :2] * size, np.exp(shifts[:, 2:]) * size / 2
        moved = np.concatenate([middle - half, middle + half], 1) if kind == "center" else corners + shifts
        priors[0, 0] = moved.ravel()
    seen = first["seen"].reshape(-1, 2)[:, 1:] >= 0.4
    scores = np.where(seen, inputs["conf"].reshape(-1, CLASSES), [1, 0, 0])
    given = {"loc": inputs["loc"], "conf": scores.reshape(1, -1).astype(np.float32), "priors": priors}
    text = network(SELECTIONS[kind], inputs).split('layer { name: "out"')[1]
    text = "".join(input_layer(name, array.shape) for name, array in given.items()) + 'layer { name: "out"' + text
    (tmp_path / "network.prototxt").write_text(text)
    expected = opencv(tmp_path, given, "out").reshape(-1, 7)
    expected = expected[expected[:, 2] > 0]
    expected = expected[np.argsort(expected[:, 1], kind="stable")]
    assert 4 < len(expected) == len(found)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("first", "parameters", "message"),
    [
        ({"seen": 4}, "", "the first step's scores, 1 x 720, must be 2 for each prior box"),
        ({"seen": 2, "moved": 2}, "", "the first step's locations, 1 x 360, must be 4 for each prior box"),
        ({"seen": 2, "moved": 4}, "share_location: false", "share_location must be true where a first step moves"),
        ({"seen": 2, "moved": 4, "more": 1}, "", "has 6 bottoms; 3 to 5 are needed; cut .* with `outputs` loc,conf,"),
    ],
)
def test_impossible_first_steps_are_named(first, parameters, message, tmp_path):
    inputs = detection_inputs(parameters)
    added = {name: np.zeros((1, 180 * numbers), np.float32) for name, numbers in first.items()}
    text = refinement(inputs | added, f"nms_param {{ top_k: 5 }} {parameters}", added)
    text += 'layer { name: "better" type: "Power" bottom: "loc" top: "better" power_param { scale: 2 } }'
    files = write_network(tmp_path, text, {})
    with pytest.raises(UserError, match=message):
        convert_caffe(*files)
    found = convert_caffe(*files, outputs=["better"]).model(inputs["loc"])
    np.testing.assert_allclose(found, 2 * inputs["loc"])


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
@pytest.mark.parametrize("first", [{}, {"seen": 2, "moved": 4}], ids=["one_step", "two_steps"])
def test_selections_leave(format, suffix, first, tmp_path):
    inputs = detection_inputs("")
    boxes = inputs["conf"].size // CLASSES
    inputs |= {name: np.random.default_rng(1).random((1, boxes * n)).astype(np.float32) for name, n in first.items()}
    text = refinement(inputs, f"{SELECTIONS['center']} objectness_score: 0.4", first)
    expected = outputs(text, tmp_path, maps() | inputs, ["out"])["out"]
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


def part_means(pictures, boxes, parts, scale):
    """The layer of R-FCN's Caffe, written out: NCHW."""
    height, width = pictures.shape[2:]
    result = np.zeros((len(boxes), pictures.shape[1] // parts**2, parts, parts))
    rounded = np.sign(boxes) * np.floor(np.abs(boxes) + 0.5)
    for box, (number, left, top, right, bottom) in enumerate(rounded):
        starts, ends = np.multiply((top, left), scale), np.multiply((bottom + 1, right + 1), scale)
        sides = np.maximum(ends - starts, 0.1) / parts
        for row in range(parts):
            for column in range(parts):
                first = np.clip(np.floor((row, column) * sides + starts), 0, (height, width)).astype(int)
                last = np.clip(np.ceil((row + 1, column + 1) * sides + starts), 0, (height, width)).astype(int)
                part = pictures[int(number), row * parts + column :: parts**2, first[0] : last[0], first[1] : last[1]]
                if part.size:
                    result[box, :, row, column] = part.mean((1, 2))
    return result


def region_boxes(count, width, height):
    corners = np.sort(np.random.default_rng(3).uniform(-20, 1, (count, 2, 2)) % 1, axis=1) * [width, height]
    return np.concatenate([np.zeros((count, 1)), corners.reshape(count, 4)], axis=1).astype(np.float32)


@pytest.mark.backends
@pytest.mark.parametrize("truth", ["Caffe", "OpenCV"])
def test_parts_of_regions_have_channels_of_their_own(truth, tmp_path):
    batch = 1 if truth == "OpenCV" else 2
    inputs = {
        "data": np.random.default_rng(1).normal(size=(batch, 18, 9, 14)).astype(np.float32),
        "rois": region_boxes(20, 14 * 16, 9 * 16),
    }
    inputs["rois"][:7, 0] = batch - 1
    text = input_layer("data", inputs["data"].shape) + input_layer("rois", (20, 5))
    text += 'layer { name: "pool" type: "PSROIPooling" bottom: "data" bottom: "rois" top: "pool" '
    text += "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 3 } }\n"
    found = outputs(text, tmp_path, inputs, ["pool"])["pool"].transpose(0, 3, 1, 2)
    if truth == "OpenCV":
        expected = opencv(tmp_path, inputs, "pool")
    else:
        expected = part_means(inputs["data"], inputs["rois"], 3, 0.0625)
    np.testing.assert_allclose(found, expected, atol=1e-5)


ANCHORS = [(23 * 2, 12 * 2), (23 * 4, 12 * 4), (16 * 2, 16 * 2), (16 * 4, 16 * 4)]  # ratios 0.5 and 1
PYTHON_LAYER = "module: 'rpn.proposal_layer' layer: 'ProposalLayer'"
PROPOSAL = {
    "Proposal": "proposal_param { feat_stride: 16 base_size: 16 min_size: 24 ratio: 0.5 ratio: 1 scale: 2 scale: 4 "
    "pre_nms_topn: 150 post_nms_topn: 12 nms_thresh: 0.6 }",
    "Python": f"python_param {{ {PYTHON_LAYER} param_str: \"{{'feat_stride': 16, "
    "'scales': (2, 4)}\" } proposal_param { min_size: 24 ratio: [0.5, 1] pre_nms_topn: 150 post_nms_topn: 12 "
    "nms_thresh: 0.6 }",
}


def proposals(scores, moves, info):
    """The proposal layer of py-faster-rcnn, written out."""
    height, width = scores.shape[2:]
    places = [(16 * column, 16 * row, *size) for row in range(height) for column in range(width) for size in ANCHORS]
    x, y, wide, high = np.array(places, np.float64).T
    scores = scores[0, len(ANCHORS) :].transpose(1, 2, 0).ravel()
    moves = moves[0].transpose(1, 2, 0).reshape(-1, 4)
    x, y = x + 8 + moves[:, 0] * wide, y + 8 + moves[:, 1] * high
    wide, high = np.exp(moves[:, 2]) * wide / 2, np.exp(moves[:, 3]) * high / 2
    boxes = np.stack([x - wide, y - high, x + wide, y + high], 1).clip(0, np.array([*info[1::-1]] * 2) - 1)
    large = ((boxes[:, 2:] - boxes[:, :2] + 1) >= 24 * info[2]).all(1)
    boxes, scores = boxes[large], scores[large]
    kept = []
    for box in boxes[np.argsort(-scores)[:150]]:
        sides = [np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]) + 1 for other in kept]
        shared = [np.prod(np.maximum(side, 0)) for side in sides]
        areas = [np.prod(other[2:] - other[:2] + 1) + np.prod(box[2:] - box[:2] + 1) for other in kept]
        if all(part / (area - part) <= 0.6 for part, area in zip(shared, areas, strict=True)):
            kept.append(box)
    return np.array(kept[:12])


def proposal_inputs(seed):
    random = np.random.default_rng(seed)
    return {
        "scores": random.random((1, 8, 6, 9)).astype(np.float32),
        "moves": (random.normal(size=(1, 16, 6, 9)) * 0.3).astype(np.float32),
        "info": np.float32([[90, 140, 1.25]]),
    }


def proposal_network(kind, inputs):
    text = "".join(input_layer(name, array.shape) for name, array in inputs.items())
    wires = "".join(f'bottom: "{name}" ' for name in inputs)
    return text + f'layer {{ name: "rpn" type: "{kind}" {wires} top: "rois" {PROPOSAL[kind]} }}'


@pytest.mark.backends
@pytest.mark.parametrize("kind", PROPOSAL)
def test_proposals_are_those_of_faster_rcnn(kind, tmp_path):
    inputs = proposal_inputs(5)
    found = outputs(proposal_network(kind, inputs), tmp_path, inputs, ["rois"])["rois"]
    expected = proposals(inputs["scores"], inputs["moves"], inputs["info"][0])
    assert len(found) == len(expected) > 8
    np.testing.assert_allclose(found[:, 1:], expected, atol=2e-4)
    assert not found[:, 0].any()


def test_proposals_of_any_size_are_opencvs(tmp_path):
    """OpenCV passes over min_size."""
    inputs = proposal_inputs(7)
    text = proposal_network("Proposal", inputs).replace("min_size: 24", "min_size: 0")
    found = outputs(text, tmp_path, inputs, ["rois"])["rois"]
    np.testing.assert_allclose(found, opencv(tmp_path, inputs, "rpn").reshape(-1, 5), atol=2e-4)


def test_no_proposal_is_a_box_of_zeros(tmp_path):
    inputs = proposal_inputs(5) | {"info": np.float32([[10, 10, 1]])}
    found = outputs(proposal_network("Proposal", inputs), tmp_path, inputs, ["rois"])["rois"]
    np.testing.assert_array_equal(found, np.zeros((1, 5)))


@pytest.mark.slow
@pytest.mark.parametrize(("format", "suffix"), [("onnx", ".onnx"), ("litert", ".tflite")])
def test_proposals_leave(format, suffix, tmp_path):
    inputs = proposal_inputs(6)
    text = input_layer("data", (1, 8, 6, 9)) + proposal_network("Proposal", inputs)
    text += 'layer { name: "pool" type: "PSROIPooling" bottom: "data" bottom: "rois" top: "pool" '
    text += "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 2 } }\n"
    inputs["data"] = np.random.default_rng(1).normal(size=(1, 8, 6, 9)).astype(np.float32)
    expected = outputs(text, tmp_path, inputs, ["pool"])["pool"]
    given = {name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for name, array in inputs.items()}
    np.savez(tmp_path / "samples.npz", **given)
    exported = tmp_path / f"model{suffix}"
    export_model(input=tmp_path / "model.keras", output=exported, format=format, samples=tmp_path / "samples.npz")
    (found,) = load_graph(exported).run(given).values()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_layers_in_python_are_named_and_what_stands_before_them_converts(tmp_path):
    text = input_layer("data", (1, 2, 9, 14))
    text += 'layer { name: "tanh" type: "TanH" bottom: "data" top: "tanh" }\n'
    text += "layer { name: 'l' type: 'Python' bottom: 'tanh' top: 'l' python_param { module: 'a' layer: 'Mine' } }\n"
    paths = write_network(tmp_path, text)
    with pytest.raises(UserError, match=r"layer 3 'l' \(Python\): unknown layer type"):
        convert_caffe(*paths)
    assert convert_caffe(*paths, outputs=["tanh"]).model.output.shape == (None, None, None, 2)


def test_proposals_with_unknown_settings_are_refused(tmp_path):
    text = "layer { name: 'l' type: 'Python' top: 'l' python_param { %s param_str: '%s' } }"
    for settings in ("feat_stride: 16, mode: 3", "nonsense", "scales: [a]"):
        with pytest.raises(
            UserError, match=r"layer 'l': param_str .* of ProposalLayer: feat_stride and scales are known"
        ):
            convert_caffe(*write_network(tmp_path, text % (PYTHON_LAYER, settings)))
