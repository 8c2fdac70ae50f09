"""How good the styles are: lattice, borders, style, content, steadiness and worth, beside the styles of earlier days.

`python -m benchmarks.styles` measures the styles that ship, or the NAMEs or FILEs given (a file is called like its
painting), on photos that nothing was trained on, each beside the file of the same name of an earlier commit. What the
columns mean stands in benchmarks/quality. AlexNet's two columns are the impartial judge's: no loss may use it.
Figures are medians over the photos. `--quick` takes a few photos of one size and leaves L-BFGS out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from benchmarks.measure import print_table
from benchmarks.paths import ROOT, find_shared
from benchmarks.quality import content, judge, lattice
from errors import UserError
from images.reading import read_image
from images.resizing import resize_long_side
from pipelines.command_line import run_script
from pipelines.model_library import find_model, makes_textures, pretrained_models, styles_within
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    from pipelines.training.targets import TrainingObjective

NAME = "benchmarks.styles"
EARLIER = "708817a"
SIZES = (512, 768)
STYLE_SIZE = 384  # pixels of the painting
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_2"
VGG = "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
WORTH_SIZES = (256, 512)
QUICK_PHOTOS, QUICK_SIZES, QUICK_SHIFTS = 4, (512,), (1, 2, 5)

Stylize = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class References:
    """What pictures are measured with.

    Args:
        shared: the folder of photos, paintings and weights.
    """

    shared: Path

    @cached_property
    def descriptor(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """From pictures (height, width, 3) to VGG-19's activations by layer."""
        from model.descriptor import build_descriptor

        model = build_descriptor((*STYLE_LAYERS, CONTENT_LAYER), weights=self.shared / VGG)

        def describe(picture: np.ndarray) -> dict[str, np.ndarray]:
            return {name: np.asarray(values)[0] for name, values in model.predict_on_batch(picture[None]).items()}

        return describe

    @cached_property
    def alexnet(self) -> judge.AlexNet:
        """The judge."""
        return judge.AlexNet(self.shared / "features" / "lpips_alexnet.npz")

    def painting(self, name: str) -> Path:
        """Return the file of the painting `name`."""
        files = [path for folder in ("textures", "paintings") for path in (self.shared / folder).glob(f"{name}.*")]
        if not files:
            raise UserError(f"{name}: no painting is called so in {self.shared}/textures or paintings")
        return files[0]

    def photos(self, count: int, size: int) -> Iterator[np.ndarray]:
        """Yield `count` photos kept back, their longer side being `size` pixels."""
        for path in self.photo_files()[:count]:
            yield resize_long_side(read_image(path), size).pixels

    def photo_files(self) -> list[Path]:
        """Return the photos kept back."""
        return sorted(path for path in (self.shared / "photos_heldout").iterdir() if path.suffix in (".jpg", ".png"))


class Painting:
    """A painting's features, and how far pictures are from it."""

    def __init__(self, references: References, name: str) -> None:
        self.references = references
        pixels = resize_long_side(read_image(references.painting(name)), STYLE_SIZE).pixels
        features = references.descriptor(pixels)
        self.style = {layer: features[layer] for layer in STYLE_LAYERS}
        self.alexnet = references.alexnet.features(pixels)

    def measure(self, stylize: Stylize, photo: np.ndarray, shifts: Sequence[int]) -> dict[str, float]:
        """Return all figures of one photo."""
        result = stylize(photo)
        return {
            "lattice x": lattice.lattice_power(result),
            "lattice levels": lattice.lattice_height(result),
            **_border(result, photo),
            **self._features(result, photo),
            "SSIM": content.ssim(result, photo),
            "shift": content.shift_difference(stylize, photo, shifts),
        }

    def _features(self, result: np.ndarray, photo: np.ndarray) -> dict[str, float]:
        references = self.references
        ours, theirs = references.descriptor(result), references.descriptor(photo)
        judged, original = references.alexnet.features(result), references.alexnet.features(photo)
        return {
            "Gram": judge.gram_distance(ours, self.style),
            "sliced W": judge.sliced_wasserstein(ours, self.style),
            "cosine": content.cosine(ours[CONTENT_LAYER], theirs[CONTENT_LAYER]),
            "LPIPS": references.alexnet.lpips(judged, original),
            "AlexNet style": judge.moment_distance(judged, self.alexnet),
        }


def _border(result: np.ndarray, photo: np.ndarray) -> dict[str, float]:
    """Return the border's distances from the middle over the photo's own."""
    ours, theirs = lattice.border_distances(result), lattice.border_distances(photo)
    names = ("border mean", "border variance")
    return {name: own / max(other, 1e-3) for name, own, other in zip(names, ours, theirs, strict=True)}


def shipped_pictures() -> dict[str, Path]:
    """Return the networks that ship and make pictures, not textures: name -> file."""
    return {name: path for name, path in pretrained_models().items() if not makes_textures(path)}


def medians(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the photos."""
    return {name: float(np.median([one[name] for one in figures])) for name in figures[0]}


def worth(references: References, name: str, stylize: Stylize, *, photos: int, size: int) -> float:
    """Return how many iterations of L-BFGS the results are worth by the one objective of all styles, the median."""
    from benchmarks.objective import compare
    from pipelines.training.data import PhotoCrops

    crops = PhotoCrops(references.photo_files()[:photos], size=size, seed=0)
    objective = _objective(references, name)
    return float(np.median([compare(crops.centre(i), stylize, objective).worth for i in range(photos)]))


def _objective(references: References, name: str) -> TrainingObjective:
    from pipelines.training.files import read_styles
    from pipelines.training.plan import plan_training
    from pipelines.training.settings import TrainingSettings

    settings = TrainingSettings(
        style_image=(references.painting(name),), data=references.shared / "photos_heldout", style_size=STYLE_SIZE,
        style_layers=STYLE_LAYERS, content_layers=("relu4_1",), content_weight=1.0, style_weight=20.0,
        tv_weight=0.3, pyramid_loss=1, mirrored_border=0, weights=references.shared / VGG,
    )  # fmt: skip
    return plan_training(settings).objective.build(list(read_styles(settings).values()))


def earlier_file(commit: str, name: str, folder: Path) -> Path | None:
    """Write the model `name` of an earlier commit into `folder`; None if it had no such model."""
    shown = subprocess.run(
        ["git", "show", f"{commit}:model/pretrained/{name}.keras"], cwd=ROOT, capture_output=True, check=False
    )
    if shown.returncode:
        return None
    path = folder / f"{name}.keras"
    path.write_bytes(shown.stdout)
    return path


def measure_model(
    painting: Painting, stylize: Stylize, label: str, arguments: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return the figures of one model for each size, by the table's column."""
    columns = {}
    for size in arguments.sizes:
        photos = list(painting.references.photos(arguments.photos, size))
        shown = track(photos, f"{label}, {size}", transient=True)
        figures = medians([painting.measure(stylize, photo, arguments.shifts) for photo in shown])
        columns[f"{label}, {size}"] = figures
    return columns


def measure(references: References, names: Sequence[str], arguments: argparse.Namespace) -> None:
    """Print the tables: of each model, and of each style of a network of several."""
    for path in map(find_model, names):
        for style in styles_within(path) or (None,):
            _measure_style(references, path, style, arguments)


def _measure_style(references: References, path: Path, style: str | None, arguments: argparse.Namespace) -> None:
    from pipelines.stylization.styles import load_styles

    name = style or path.stem
    painting = Painting(references, name)
    with tempfile.TemporaryDirectory() as folder:
        earlier = earlier_file(arguments.against, name, Path(folder))
        known: dict[str, Stylize] = {} if earlier is None else {"earlier": load_styles(earlier)}
    known["now"] = load_styles(path, style=None if style is None else {style: 1.0})
    columns: dict[str, dict[str, float]] = {}
    for label, stylize in known.items():
        columns |= measure_model(painting, stylize, label, arguments)
    within = f" of {path.stem}" if style else ""
    _print_figures(f"{name}{within}: medians over {arguments.photos} photos", columns)
    if arguments.worth:
        _print_worth(references, name, known, arguments.worth)


def _print_figures(title: str, columns: Mapping[str, Mapping[str, float]]) -> None:
    """Print one row a figure and one column a model and size."""
    names = next(iter(columns.values()))
    rows = [[name, *(f"{figures[name]:.3g}" for figures in columns.values())] for name in names]
    print_table(title, ("model, pixels", *columns), rows)


def _print_worth(references: References, name: str, models: Mapping[str, Stylize], photos: int) -> None:
    rows = [
        [label, *(f"{worth(references, name, stylize, photos=photos, size=s):.0f}" for s in WORTH_SIZES)]
        for label, stylize in models.items()
    ]
    print_table(f"{name}: worth in iterations of L-BFGS, {photos} photos", ("model", *map(str, WORTH_SIZES)), rows)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("models", nargs="*", metavar="NAME_OR_FILE", help="default: the styles that ship")
    parser.add_argument("--shared", type=Path, help="folder of photos, paintings and weights (default: ../shared)")
    parser.add_argument("--against", default=EARLIER, metavar="COMMIT", help="of the earlier files (%(default)s)")
    parser.add_argument("--photos", type=int, default=24, help="number of photos (default: %(default)s)")
    parser.add_argument("--worth", type=int, default=6, help="photos to run L-BFGS on (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few photos of one size, and no L-BFGS")
    return parser


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    arguments.sizes, arguments.shifts = SIZES, list(content.SHIFTS)
    if arguments.quick:
        arguments.photos, arguments.worth = min(arguments.photos, QUICK_PHOTOS), 0
        arguments.sizes, arguments.shifts = QUICK_SIZES, QUICK_SHIFTS
    shared = find_shared(arguments.shared)
    with quiet_startup():
        import keras  # noqa: F401
    measure(References(shared), arguments.models or list(shipped_pictures()), arguments)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
