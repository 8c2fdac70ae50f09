"""Frames of interlaced film as pictures of one moment each."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av

# A frame for each two fields; frames that are not marked as interlaced stay as they are.
OPTIONS = "mode=send_frame:deint=interlaced"


def progressive(frames: Iterator[av.VideoFrame | int], time_base: Fraction) -> Iterator[av.VideoFrame | int]:
    """Yield decoded frames, those that are interlaced by FFmpeg's filter bwdif (Bob Weaver, after the BBC's w3fdif).

    The two fields of such a frame show two moments: where something moves, its lines do not fit together, and a network
    would paint combs. Film that is not interlaced passes by.

    Args:
        frames: with times; integers are those of broken frames, which come in any order.
        time_base: of the times.
    """
    graph: av.filter.Graph | None = None
    kind = None
    durations: dict[int, int] = {}
    for frame in frames:
        if isinstance(frame, int) or frame.pts is None:
            yield frame
            continue
        if graph is not None and kind != _kind(frame):
            yield from _pulled(graph, time_base, durations, is_end=True)
            graph = None
        if graph is None and frame.interlaced_frame:
            graph, kind = _graph(frame, time_base), _kind(frame)
        if graph is None:
            yield frame
            continue
        durations[frame.pts] = frame.duration or 0
        frame.time_base = time_base
        graph.push(frame)
        yield from _pulled(graph, time_base, durations)
    if graph is not None:
        yield from _pulled(graph, time_base, durations, is_end=True)


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _graph(frame: av.VideoFrame, time_base: Fraction) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    graph.link_nodes(source, graph.add("bwdif", OPTIONS), graph.add("buffersink")).configure()
    return graph


def _pulled(
    graph: av.filter.Graph, time_base: Fraction, durations: dict[int, int], *, is_end: bool = False
) -> Iterator[av.VideoFrame]:
    """Yield what a filter has ready, with the times that went in: it counts in units of its own."""
    if is_end:
        graph.push(None)
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base is not None:
            frame.pts = round(frame.pts * frame.time_base / time_base)
            frame.time_base = time_base
            frame.duration = durations.pop(frame.pts, 0)
            yield frame
