"""Keeping the samples of a texture generator different from each other."""

from __future__ import annotations

from typing import Any

from keras import ops

from losses.loss import Loss, Node

# Below this root mean squared difference (a fifth of a level of 8 bits) pictures count as equal.
MIN_DISTANCE = 1e-3


class Diversity(Loss):
    """Minus the mean logarithm of each picture's distance from the nearest other one, see `diversity_loss`."""

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term."""
        return {"": diversity_loss(images)}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node("minus the log distance of nearest pictures")


def diversity_loss(pictures: Any) -> Any:
    """Return minus the mean logarithm of each picture's distance from the nearest other one of the batch.

    Ulyanov, Vedaldi & Lempitsky 2017, "Improved Texture Networks", section 3: the Kozachenko-Leonenko estimate of the
    samples' entropy, which the generator shall maximise. The paper multiplies it by the number of pixels and takes
    the Euclidean distance; here the distance is the root mean squared difference, so that neither the weight nor
    the value depends on the size.

    Args:
        pictures: (batch, height, width, 3) with a batch of at least 2.

    Returns:
        A scalar: 0 for pictures that differ by 1 everywhere, about 2 where they differ by 0.13.
    """
    batch = pictures.shape[0]
    flat = ops.reshape(pictures, (batch, -1))
    nearest = []
    for i in range(batch):
        others = [ops.mean(ops.square(flat[i] - flat[j])) for j in range(batch) if j != i]
        nearest.append(ops.min(ops.stack(others)))
    # The floor is added, not the larger one taken: equal pictures are to be driven apart too.
    return -0.5 * ops.mean(ops.log(ops.stack(nearest) + MIN_DISTANCE**2))
