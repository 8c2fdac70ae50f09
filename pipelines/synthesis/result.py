"""What a synthesis leaves at its end: pictures, animation, the plot of the loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from images.animation import write_gif, write_mp4
from images.writing import write_image
from pipelines.synthesis.files import RunFolder
from pipelines.synthesis.settings import SynthesisSettings
from runs.plot import Curve, write_line_plot

FRAMES_PER_SECOND = 10


def write_results(settings: SynthesisSettings, folder: RunFolder, frames: np.ndarray) -> list[Path]:
    """Write the final pictures, and for several frames the animation, and return the pictures' files.

    Args:
        settings: of the synthesis.
        folder: of the run.
        frames: (count, height, width, 3) in [0, 1].
    """
    pictures = folder.write_pictures("final", frames)
    if settings.output is not None:
        write_image(settings.output, frames[0])
    if len(frames) > 1:
        write_gif(folder.path / "animation.gif", frames, frames_per_second=FRAMES_PER_SECOND)
        write_mp4(folder.path / "animation.mp4", frames, frames_per_second=FRAMES_PER_SECOND)
    return pictures


def write_plot(folder: RunFolder) -> None:
    """Draw the loss and its terms by evaluation, with a line where a scale begins; nothing without any progress."""
    lines = folder.read_progress()
    if not lines:
        return
    evaluations = [line["evaluation"] for line in lines]
    curves = [Curve("loss", evaluations, [line["loss"] for line in lines])]
    for term in dict.fromkeys(term for line in lines for term in line["terms"]):
        seen = [line for line in lines if term in line["terms"]]
        curves.append(Curve(term, [line["evaluation"] for line in seen], [line["terms"][term] for line in seen]))
    sizes = [tuple(line["size"]) for line in lines]
    begins = [i for i in range(len(lines)) if i == 0 or sizes[i] != sizes[i - 1]]
    marks = {evaluations[i]: f"{sizes[i][1]} x {sizes[i][0]}" for i in begins}
    write_line_plot(folder.path / "loss.png", curves, marks=marks, label="evaluations")
