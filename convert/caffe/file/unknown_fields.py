"""Fields of a prototxt that Caffe does not have: those of forks that change nothing are taken out of the text."""

from __future__ import annotations

import difflib
import itertools
import re

from convert.caffe.file.schema import field_names

MAX_FIELDS = 200
# The text is parsed again after each field that is taken out: so many characters in all.
MAX_PARSED = 10_000_000
# Likeness, from 0 to 1, from which on an unknown name is a known one with a mistake in it.
MISSPELT = 0.93

# Message types whose unknown fields do not change what a layer computes in the test phase. The unknown parameters of a
# layer are among them: either its type is one that is not known as well, and an error, or it does without.
_IDLE_MESSAGES = {
    "AccuracyParameter",
    "ContrastiveLossParameter",
    "DataParameter",
    "FillerParameter",
    "HDF5DataParameter",
    "HDF5OutputParameter",
    "HingeLossParameter",
    "ImageDataParameter",
    "InfogainLossParameter",
    "LayerParameter",
    "LossParameter",
    "MemoryDataParameter",
    "NetParameter",
    "NetState",
    "NetStateRule",
    "ParamSpec",
    "PythonParameter",
    "TransformationParameter",
    "V1LayerParameter",
    "VideoDataParameter",
    "WindowDataParameter",
}
# How forks compute, begin a training or keep and show detections, not what they compute.
_IDLE_FIELDS = {
    "backward_math",
    "backward_type",
    "conv_algos_override",
    "cudnn_convolution_algo_seeker",
    "cudnn_math_override",
    "engine",
    "filter_group",
    "forward_math",
    "forward_type",
    "frozen",
    "momentum",
    "save_file",
    "save_output_param",
    "scale_filler",
    "shift_filler",
    "slope_filler",
    "bias_filler",
    "visualize",
    "visualize_threshold",
}
_LAYERS = ("layer", "layers")
# Where the parameters of a layer type are those of another name: every other type has those of its own name.
_PARAMETERS_OF = {
    "convolutiondepthwise": "convolution_param",
    "deconvolution": "convolution_param",
    "depthwiseconvolution": "convolution_param",
    "im2col": "convolution_param",
    "normalize": "norm_param",
    "rnn": "recurrent_param",
}

LAYER = re.compile(r"\blayers?\s*:?\s*[{<]")
_TOKEN = re.compile(r"""\s+|\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>\[\]:,;]|[^\s{}<>\[\]:,;"'\#]+|.""")
_BRACKETS = {"{": 1, "<": 1, "[": 1, "}": -1, ">": -1, "]": -1}


def idle_field(error: str, text: str) -> tuple[str, int] | None:
    """Return the field that protobuf's error is about, as MESSAGE.FIELD, and where it begins in the text.

    None where the error is about something else, or about a field that may change what a layer computes.

    Args:
        error: what text_format.Parse says.
        text: what it parsed.
    """
    place = re.match(r"(\d+):(\d+) : ", error)
    if not place:
        return None
    start = _offset(text, int(place[1]), int(place[2]))
    if unknown := re.search(r'Message type "caffe\.(\w+)" has no field named "([^"]*)"', error):
        message, name = unknown.groups()
        idle = message in _IDLE_MESSAGES or name in _IDLE_FIELDS
        kept = idle and name not in _LAYERS and not _misspelt(message, name, text, start)
        return (f"{message}.{name}", start) if kept else None
    # The engine of a fork: the error stands at its value.
    engine = re.search(r'Enum type "caffe\.(\w+)\.Engine" has no value', error)
    before = re.search(r"\bengine\s*:\s*$", text[max(start - 1000, 0) : start])
    if engine and before:
        return f"{engine[1]}.engine", start - len(before[0])
    return None


def without_field(text: str, start: int) -> str:
    """Return `text` with blanks in the place of the field whose name begins at `start`; lines and columns stay."""
    end = _field_end(text, start)
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _misspelt(message: str, name: str, text: str, start: int) -> bool:
    """Return whether an unknown name seems to stand for a known one that the layer around it reads.

    Parameters of other layer types are none of those: ReLU6 does not read `relu_param`, so that `relu6_param` is a
    name of a fork.
    """
    known = difflib.get_close_matches(name, field_names(message), n=1, cutoff=MISSPELT)
    if not known or not known[0].endswith("_param"):
        return bool(known)
    layer_type = _layer_type(text, start)
    if layer_type is None:
        return True
    short = layer_type.replace("_", "").lower()
    return known[0].replace("_", "") == _PARAMETERS_OF.get(short, f"{short}_param").replace("_", "")


def _layer_type(text: str, start: int) -> str | None:
    """Return the type of the layer around the field at `start`, None if it has none."""
    openings = [match.end() for match in LAYER.finditer(text, 0, start)]
    if not openings:
        return None
    depth, before = 0, ("", "")
    for token in _TOKEN.finditer(text, openings[-1]):
        word = token[0]
        if word.isspace() or word[0] == "#":
            continue
        depth += _BRACKETS.get(word, 0)
        if depth < 0:
            return None
        if depth == 0 and before == ("type", ":"):
            return word.strip("'\"")
        before = (before[1], word)
    return None


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1


def _field_end(text: str, start: int) -> int:
    """Return where the field at `start` ends: behind its scalar, strings in a row, or closing bracket."""
    depth, end, last = 0, start, "name"
    for token in itertools.islice(_TOKEN.finditer(text, start), 1, None):
        kind = token[0][0]
        if kind.isspace() or kind in "#:":
            continue
        is_text = kind in "\"'"
        if depth == 0 and last != "name" and not (is_text and last == "text"):
            return token.end() if kind in ",;" else end
        depth += _BRACKETS.get(kind, 0)
        if depth < 0:
            return end
        end, last = token.end(), "text" if is_text else "value"
    return end
