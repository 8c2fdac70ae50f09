"""How fast a johnson generator of full width stylises, beside PyTorch, ONNX Runtime, OpenVINO and LiteRT.

`python -m benchmarks.stylize` (peers: pip install -r requirements-bench.txt). All engines have the same weights, a
process each, and take turns; the figures are medians. The last column is the share of the best rate at which this
machine multiplies matrices, measured in the same run, with the arithmetic of the usual convolutions: Winograd's
algorithm (layers/winograd_conv2d.py) needs less and so comes above what the usual ones could reach.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Worker, alternate_workers, engines_here, print_table, serve

SIZE = 512
OURS, BFLOAT16, SAVED = "Keras float32", "Keras bfloat16", "SavedModel float32"
COMPILED, ONNX, LITERT = "PyTorch torch.compile", "ONNX Runtime", "LiteRT float32"
ONNX_INT8, OPENVINO, OPENVINO_INT8 = "ONNX Runtime int8", "OpenVINO", "OpenVINO int8"
MATRIX = {"float32": "matrices float32", "bfloat16": "matrices bfloat16"}
# (what, of what, at most)
BARS = (
    (OURS, COMPILED, 0.95),
    (OURS, ONNX, 0.7),
    (BFLOAT16, OURS, 0.55),
    (LITERT, OURS, 1.25),
    (SAVED, OURS, 1.1),
    (OPENVINO_INT8, OURS, 0.6),
)
# (format, quantisation, runtime) of each export
EXPORTS = {
    SAVED: ("saved_model", "none", "tensorflow"),
    ONNX: ("onnx", "none", "onnxruntime"),
    ONNX_INT8: ("onnx", "int8", "onnxruntime"),
    OPENVINO: ("onnx", "none", "openvino"),
    OPENVINO_INT8: ("onnx", "int8", "openvino"),
    LITERT: ("litert", "none", "ai-edge-litert"),
}
MATRIX_SIDE = 4096


def picture() -> np.ndarray:
    """Return the picture that all engines get."""
    return np.random.default_rng(0).random((1, SIZE, SIZE, 3), np.float32)


def make_model() -> Any:  # Keras is not imported by the process that only hands out work
    """Return the generator, with the same weights at every call."""
    import keras

    from model.generators.registry import build_generator

    keras.utils.set_random_seed(0)
    return build_generator("johnson")


def keras_engine(precision: str) -> Callable[[np.ndarray], np.ndarray]:
    from pipelines.startup import quiet_startup

    with quiet_startup(precision):
        from pipelines.stylization.generator import Generator

    return Generator(make_model(), precision=precision).run


def channels_last(network: Any) -> Any:
    """Return one of PyTorch's networks in that layout, which its type stubs do not know of modules."""
    import torch

    return network.to(memory_format=torch.channels_last)


def torch_engine() -> Callable[[np.ndarray], np.ndarray]:
    """Return PyTorch's compiled network in its faster layout, channels last."""
    import torch

    from benchmarks.torch_johnson import torch_johnson

    network = torch.compile(channels_last(torch_johnson(make_model())))

    def run(given: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(given).permute(0, 3, 1, 2)  # channels last in memory already
            return network(pixels).permute(0, 2, 3, 1).numpy()

    return run


def exported_engine(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return an export of the model, loaded into its runtime."""
    from pipelines.startup import quiet_startup

    with quiet_startup():  # a SavedModel is made and run by one TensorFlow, which computes as the scripts let it
        from pipelines.export.plan import make_plan
        from pipelines.export.run import write_export
    from pipelines.export.settings import FORMATS, ExportSettings
    from runtimes.loading import load_graph

    format, quantization, runtime = EXPORTS[name]
    settings = ExportSettings(format, quantization, size=(SIZE, SIZE))
    model = make_model()
    plan = make_plan(model, settings, recorded={})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{FORMATS[settings.format].suffix}"
        write_export(model, path, plan, [[picture()]])
        graph = load_graph(path, runtime)
    return lambda images: graph(images)[0]


def multiply_matrices(dtype: str) -> None:
    """Serve multiplications of square matrices."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((MATRIX_SIDE, MATRIX_SIDE)), dtype)
    serve(lambda: tf.reduce_max(tf.matmul(matrix, matrix)).numpy())


def serve_engine(name: str) -> None:
    """Be the process of one engine; the first answer is the file of its picture."""
    for dtype, job in MATRIX.items():
        if name == job:
            return multiply_matrices(dtype)
    if name in (OURS, BFLOAT16):
        engine = keras_engine(name.split()[1])
    else:
        engine = torch_engine() if name == COMPILED else exported_engine(name)
    given = picture()
    with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
        np.save(file, np.asarray(engine(given), np.float32))
    return serve(lambda: np.asarray(engine(given)), file.name)


def operations(size: int) -> float:
    """Return the floating-point operations of the convolutions for a picture of size x size pixels."""
    # (kernel, inputs, filters, at which share of the pixels): a transposed convolution uses its kernel once for each
    # pixel that goes in.
    convolutions = [(9, 3, 32, 1), (3, 32, 64, 1 / 4), (3, 64, 128, 1 / 16), *10 * [(3, 128, 128, 1 / 16)]]
    convolutions += [(3, 128, 64, 1 / 16), (3, 64, 32, 1 / 4), (3, 32, 3, 1)]
    return sum(2.0 * kernel**2 * inputs * filters * size**2 * share for kernel, inputs, filters, share in convolutions)


def take_picture(worker: Worker) -> np.ndarray:
    """Return the picture that an engine made, and remove its file."""
    path = Path(worker.first_answer)
    stylized = np.load(path)
    path.unlink()
    return stylized


def measure(runs: int) -> None:
    """Print the tables."""
    engines = engines_here((OURS, BFLOAT16, COMPILED, *EXPORTS))
    jobs = (*engines, *engines_here(tuple(MATRIX.values())))
    workers = {name: Worker(["-m", "benchmarks.stylize", "--engine", name]) for name in jobs}
    pictures = {name: take_picture(workers[name]) for name in engines}
    seconds = alternate_workers(workers, runs)
    for worker in workers.values():
        worker.stop()
    work = operations(SIZE)
    rates = {dtype: 2.0 * MATRIX_SIDE**3 / seconds[job] for dtype, job in MATRIX.items() if job in jobs}
    rows = [
        (
            name,
            f"{1000 * seconds[name]:.0f}",
            f"{np.abs(pictures[name] - pictures[COMPILED]).max():.1e}",
            f"{100 * work / seconds[name] / rates['bfloat16' if name == BFLOAT16 else 'float32']:.0f} %",
        )
        for name in sorted(engines, key=lambda name: seconds[name])
    ]
    title = f"johnson, {SIZE}x{SIZE}, batch 1, {work / 1e9:.0f} GFLOP"
    print_table(title, ("engine", "ms", "difference from PyTorch", "of matrix rate"), rows)
    print_table("Rates", ("matrices", "GFLOP/s"), [(dtype, f"{rate / 1e9:.0f}") for dtype, rate in rates.items()])
    ratios = [(f"{what} / {of}", seconds[what] / seconds[of], limit) for what, of, limit in BARS if what in engines]
    bars = [(name, f"{ratio:.3f}", limit, "yes" if ratio <= limit else "NO") for name, ratio, limit in ratios]
    print_table("Ratios", ("of", "ratio", "at most", "holds"), bars)


def main() -> int:
    """Measure, or be one engine's process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine is not None:
        serve_engine(arguments.engine)
    else:
        measure(arguments.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
