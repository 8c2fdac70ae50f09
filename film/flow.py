"""Optical flow between the frames of a film, and pictures moved along it."""

from __future__ import annotations

import cv2
import numpy as np

# Flow is found on frames of about so many rows, which is enough for pictures to follow, and far quicker.
MAX_FLOW_SIDE = 640
# Smaller pictures have no flow that could be found.
MIN_FLOW_SIDE = 16


def grey(pixels: np.ndarray) -> np.ndarray:
    """Return a frame (height, width, 3) in [0, 1] for `FlowFinder`: uint8, the longer side at most MAX_FLOW_SIDE."""
    values = cv2.convertScaleAbs(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), alpha=255)
    scale = MAX_FLOW_SIDE / max(values.shape)
    if scale >= 1:
        return values
    size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


class FlowFinder:
    """Dense inverse search (Kroeger, Timofte, Dai & Van Gool 2016, "Fast Optical Flow using Dense Inverse Search")."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return float32 (height, width, 2): where each pixel (x, y) of `first` lies in `second`, minus its place."""
        if min(first.shape) < MIN_FLOW_SIDE:
            return np.zeros((*first.shape, 2), np.float32)
        return self._dis.calc(first, second, np.zeros((*first.shape, 2), np.float32))


def refined(flow: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a flow that is about right without its rough places.

    Brox, Bruhn, Papenberg & Weickert 2004, "High Accuracy Optical Flow Estimation Based on a Theory for Warping".
    Strokes that follow small errors are torn, and errors of several flows that were joined add up; what the pictures do
    not ask for is smoothed away. It takes as long as `FlowFinder`.

    Args:
        flow: float32 (height, width, 2), in pixels of that size.
        first: uint8 (rows, columns), as `grey` returns it.
        second: the same, where the flow leads.
    """
    if min(first.shape) < MIN_FLOW_SIDE:
        return flow
    small = resize_flow(flow, *first.shape).copy()  # is overwritten
    return resize_flow(cv2.VariationalRefinement.create().calc(first, second, small), *flow.shape[:2])


def resize_flow(flow: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a flow, float32 (rows, columns, 2), for frames of (height, width): as large, in pixels of these."""
    if flow.shape[:2] == (height, width):
        return flow
    factors = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * factors


def warp(picture: np.ndarray, flow: np.ndarray, *, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Return the picture that at each place shows what `picture` shows where the flow leads from there.

    Args:
        picture: float32 (height, width) or (height, width, channels).
        flow: float32 (height, width, 2).
        interpolation: OpenCV's.
    """
    height, width = flow.shape[:2]
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, np.newaxis]
    return cv2.remap(picture, columns, rows, interpolation, borderMode=cv2.BORDER_REPLICATE)


def seen_in_both(forwards: np.ndarray, backwards: np.ndarray, *, slack: float = 1.0) -> np.ndarray:
    """Return where a flow can be believed: what it leads to leads back, and lies within the picture.

    Sundaram, Brox & Keutzer 2010, "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow":
    |w + w'|^2 < slack (0.01 (|w|^2 + |w'|^2) + 0.5).

    Args:
        forwards: float32 (height, width, 2), from the first frame to the second.
        backwards: the same from the second to the first.
        slack: 1 is the paper's.

    Returns:
        float32 (height, width), 1 where it holds, else 0.
    """
    back = warp(backwards, forwards, interpolation=cv2.INTER_LINEAR)
    allowed = slack * (0.01 * (sum_of_squares(forwards) + sum_of_squares(back)) + 0.5)
    agrees = sum_of_squares(forwards + back) < allowed
    return agrees * inside(forwards)


def sum_of_squares(values: np.ndarray) -> np.ndarray:
    """Return the sum over the last axis, (height, width), of the squares of (height, width, channels)."""
    return np.einsum("ijk,ijk->ij", values, values)  # several times as quick as NumPy's sum over so short an axis


def inside(flow: np.ndarray) -> np.ndarray:
    """Return where a flow (height, width, 2) leads to a place within the picture: float32 (height, width), 1 or 0."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width)
    y = flow[..., 1] + np.arange(height)[:, np.newaxis]
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).astype(np.float32)
