"""Whether two pictures that show the same, one of them shifted, are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from layers.spatial import crop
from losses.features import GIVEN
from losses.loss import Loss, Node

# Pixels: a shift by each phase of a network that goes down to an eighth of the size.
MAX_SHIFT = 7


class Consistency(Loss):
    """The mean squared difference of pictures and of others whose content lies further up and to the left.

    What a network makes of a photo should not depend on the photo's place within the frame, nor on noise that nobody
    sees (as in Gupta et al. 2017, "Characterizing and Improving Stability in Neural Style Transfer", for frames of a
    film). Pixel (y, x) of another picture shows what pixel (y + down, x + right) of the picture does. The upper left
    of the other picture is compared, without its last MAX_SHIFT rows and columns, whatever the shift is. In units of
    the pictures: 0.0015 are ten levels of 8 bits.
    """

    @property
    def rows(self) -> list[np.ndarray]:
        """The other pictures (batch, height, width, 3), and (down, right) of each, whole numbers in 0..MAX_SHIFT."""
        return [GIVEN, GIVEN]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term."""
        others, shifts = rows
        height, width = images.shape[1] - MAX_SHIFT, images.shape[2] - MAX_SHIFT
        shown = [
            crop(images[number : number + 1], shifts[number, 0], shifts[number, 1], height, width)
            for number in range(images.shape[0])
        ]
        return {"": ops.mean(ops.square(ops.concatenate(shown) - crop(others, 0, 0, height, width)))}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node("squared difference of shifted pictures")
