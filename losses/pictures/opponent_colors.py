"""Light and colour told apart, as the eye does and as JPEG files do."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

# Luma, blue minus luma and red minus luma (Rec. 601, full range), from RGB; one column each.
OPPONENT = np.array([[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688], [0.114, 0.5, -0.081312]], np.float32)
# Variance of rounding to 8 bits, which no picture file falls below: weaker detail counts no more.
ROUNDING = 1 / 12 / 255**2


def opponent_colors(images: Any) -> Any:
    """Return luma, blue difference and red difference of images (batch, height, width, 3), in the same shape."""
    return ops.matmul(images, ops.convert_to_tensor(OPPONENT, dtype=images.dtype))
