"""A warning when the losses show that the weights of content and style do not suit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from keras import ops

from pipelines.training.callbacks.iteration import IterationCallback
from pipelines.training.callbacks.means import RunningMeans
from pipelines.training.targets import TrainingObjective
from runs.resuming import Note

# By then a generator of the recipe has taken up its style; the first losses say nothing.
CHECKED_AFTER = 1000
# Of the losses that a picture has that was not stylised, or shows something else.
MAX_STYLE, MAX_CONTENT = 0.1, 1.5


class BalanceCheck(IterationCallback):
    """Warns, once, where the losses show that the weight of the style is too low or too high.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        means: of the losses, which a callback before this one keeps.
        reference: returns what `losses_without_training` does.
        note: is told the warning.
    """

    def __init__(
        self,
        first: int,
        last: int,
        *,
        means: RunningMeans,
        reference: Callable[[], Mapping[str, float]],
        note: Note,
    ) -> None:
        super().__init__(first, last)
        self.reference = reference
        self.note = note
        self.means = means

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Compare the running means when it is time."""
        if iteration == CHECKED_AFTER:
            for text in warnings(self.means.values, self.reference()):
                self.note(text)


def losses_without_training(objective: TrainingObjective, photos: np.ndarray) -> dict[str, float]:
    """Return the weighted losses of pictures that no generator has made.

    Args:
        objective: what the generator is trained on.
        photos: two or more of its inputs, float32 (count, height, width, 3) in [0, 1].

    Returns:
        "style": of the photos as they are; "content": of each photo beside another one.
    """
    originals = ops.convert_to_tensor(photos)
    same, others = (
        objective.terms(ops.convert_to_tensor(pictures), originals) for pictures in (photos, np.roll(photos, 1, 0))
    )
    losses = {"style": same["style"], "content": others.get("content", 0.0)}
    return {name: float(ops.convert_to_numpy(value)) for name, value in losses.items()}


def warnings(means: Mapping[str, float], reference: Mapping[str, float]) -> list[str]:
    """Return what the user should change, if anything.

    Args:
        means: of the losses of the latest iterations, by term.
        reference: what `losses_without_training` returns.
    """
    found = []
    if means["style"] > MAX_STYLE * reference["style"]:
        share = means["style"] / reference["style"]
        found.append(
            f"warning: the style loss is still {share:.0%} of that of unstylised photos: a higher "
            "`style_weight` or `learning_rate` gives more style"
        )
    if means.get("content", 0.0) > MAX_CONTENT * reference["content"] > 0:
        share = means["content"] / reference["content"]
        found.append(
            f"warning: the content loss is {share:.0%} of that between unrelated photos: a lower `style_weight` or "
            "`learning_rate` keeps more of the content"
        )
    return found
