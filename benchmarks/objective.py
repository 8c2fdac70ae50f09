"""How many iterations of L-BFGS on the pixels a trained generator's single pass is worth.

`python -m benchmarks.objective --generator NAME_OR_FILE` with the options of train.py that the generator was trained
with (its card quotes them), `--data` being a folder of photos that it was not trained on. For each photo the objective
of the generator's picture stands beside what L-BFGS reaches with the same objective, starting from the photo: a
generator is worth the first iteration at which L-BFGS is no higher. Figures are medians over the photos.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.progress import track

import train
from benchmarks.measure import print_table
from pipelines.command_line import run_script
from pipelines.inputs import pictures_in
from pipelines.startup import quiet_startup
from pipelines.training.settings import TrainingSettings

NAME = "benchmarks.objective"
SIZES = (256, 512)
SHOWN = (15, 30, 50)  # iterations of L-BFGS


@dataclass(frozen=True)
class Comparison:
    """The objective of a photo, of its stylised picture, and of L-BFGS's pictures after 1, 2, ... iterations."""

    photo: float
    generator: float
    pixels: Sequence[float]

    @property
    def worth(self) -> int:
        """The first iteration at which L-BFGS is no higher than the generator; one beyond the last if it never is."""
        losses = [self.photo, *self.pixels]
        return next((i for i, loss in enumerate(losses) if loss <= self.generator), len(losses))


def compare(photo: np.ndarray, stylize: Callable[[np.ndarray], np.ndarray], objective: Any) -> Comparison:
    """Evaluate one photo.

    Args:
        photo: float32 (height, width, 3) in [0, 1].
        stylize: the generator, from such to such.
        objective: a TrainingObjective.
    """
    from keras import ops

    from optimize.lbfgs import minimize_lbfgs
    from optimize.value_and_grad import compile_value_and_grad

    images = photo[np.newaxis]
    rows = objective.rows_of(ops.convert_to_tensor(images))
    evaluate = compile_value_and_grad(lambda pictures: objective.loss(pictures, *rows))
    losses = []
    minimize_lbfgs(evaluate, images, maxiter=max(SHOWN), ftol=0.0, callback=lambda state: losses.append(state.loss))
    of_photo, of_generator = (
        float(ops.convert_to_numpy(evaluate(pictures).loss)) for pictures in (images, stylize(photo)[np.newaxis])
    )
    return Comparison(of_photo, of_generator, losses)


def measure(generator: str, photos: int, settings: TrainingSettings) -> None:
    """Print the table."""
    with quiet_startup():
        from pipelines.model_library import find_model
        from pipelines.stylization.styles import load_styles
        from pipelines.training.data import PhotoCrops
        from pipelines.training.files import read_styles
        from pipelines.training.plan import plan_training
    stylize = load_styles(find_model(generator))
    objective = plan_training(settings).objective.build(list(read_styles(settings).values()))
    assert settings.data is not None
    files = pictures_in(settings.data, "data", recursive=True)[:photos]
    rows = []
    for size in SIZES:
        crops = PhotoCrops(files, size=size, seed=0)
        done = [compare(crops.centre(i), stylize, objective) for i in track(range(len(files)), f"{size} x {size}")]
        rows.append(_row(size, done))
    shown = [f"L-BFGS {count}" for count in SHOWN]
    title = f"{generator}: objective on {len(files)} photos, medians, and how many iterations of L-BFGS it is worth"
    print_table(title, ("pixels", "photo", "generator", *shown, "worth"), rows)


def _row(size: int, done: Sequence[Comparison]) -> list[str]:
    losses = [(one.photo, one.generator, *(one.pixels[min(n, len(one.pixels)) - 1] for n in SHOWN)) for one in done]
    worth = np.median([one.worth for one in done])
    return [f"{size} x {size}", *(f"{value:.3f}" for value in np.median(losses, axis=0)), f"{worth:.0f}"]


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = train.make_parser()
    parser.prog, parser.description = NAME, __doc__
    parser.add_argument("--generator", required=True, metavar="NAME_OR_FILE", help="trained model")
    parser.add_argument("--photos", type=int, default=20, help="number of photos (default: %(default)s)")
    arguments = parser.parse_args(argv)
    generator, photos = arguments.generator, arguments.photos
    measure(generator, photos, train.read_settings(arguments))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
