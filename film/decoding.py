"""The frames of a video: decoded, with their times, in the order in which they are shown, each of one moment."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction

import av

from film.packets import JOINABLE, packets_of

# Of a video that tells no rate.
DEFAULT_RATE = Fraction(25)
# Of FFmpeg's names of formats.
FORMATS_WITHOUT_TIMES = ("avi",)
DECODERS_OF_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# A packet is one of two fields, or no picture at all (VP8 hides some), if its time is not so far from those of the
# frames around it, in frames of usual length: a lost frame leaves a gap.
MIN_GAP = 0.75
# A frame for each two fields; frames that are not marked as interlaced stay as they are.
DEINTERLACING = "mode=send_frame:deint=interlaced"


def decoded_in_order(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame | int]:
    """Yield the frames of a stream in the order in which they are shown, and the times of those that are broken.

    Args:
        container: opened, at its beginning.
        stream: one of its streams.
    """
    clock = _clock(container, stream)
    frames = _decoded(container, stream, clock)
    if stream.time_base is not None:
        frames = _progressive(frames, stream.time_base)
    return _in_order(frames, MIN_GAP * clock.usual)


def first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    """Return the first frame of a stream as it is decoded; None where none can be. Arguments as above."""
    frames = _decoded(container, stream, _clock(container, stream))
    return next((frame for frame in frames if isinstance(frame, av.VideoFrame)), None)


def usual_rate(stream: av.VideoStream) -> Fraction:
    """Return the frames a second of a stream, on average."""
    return stream.average_rate or stream.guessed_rate or DEFAULT_RATE


def _clock(container: av.container.InputContainer, stream: av.VideoStream) -> _Clock:
    name = container.format.name
    return _Clock(stream, is_timed=name not in FORMATS_WITHOUT_TIMES, may_begin_anywhere=name in JOINABLE)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, clock: _Clock
) -> Iterator[av.VideoFrame | int]:
    """Yield decoded frames with their times, and before each the time at which it is due."""
    # With several threads FFmpeg marks some broken frames as such in one run and not in the next.
    stream.codec_context.thread_count = 1
    decode = _decoder(stream)
    for packet in packets_of(container, [stream]):
        due = clock.due(packet)
        if due is not None:
            yield due
        # Many decoders tell nothing of what they cannot decode, others not where it was.
        with suppress(av.FFmpegError):
            for frame in decode(packet):
                yield clock.timed(frame)


def _decoder(stream: av.VideoStream) -> Callable[[av.Packet], list[av.VideoFrame]]:
    """Return what decodes packets; of VP8 and VP9 with transparency, which FFmpeg's own decoders leave out, libvpx."""
    tags = {tag.lower(): value for tag, value in stream.metadata.items()}
    library = DECODERS_OF_ALPHA.get(stream.codec_context.name)
    if library is None or tags.get("alpha_mode") != "1":
        return stream.decode
    context = av.CodecContext.create(library, "r")
    if not isinstance(context, av.VideoCodecContext):
        raise TypeError(f"{library} decodes no video")
    return context.decode


class _Clock:
    """Gives a time to frames that have none, and tells when those of packets are due.

    Args:
        stream: of the frames, in the order in which they are shown.
        is_timed: whether the file tells when a frame is shown; AVI tells in which order frames are decoded alone, and
            what FFmpeg makes of it is wrong where a frame is predicted from a later one.
        may_begin_anywhere: whether the first frames may need earlier ones that are not there, as in a broadcast.
    """

    def __init__(self, stream: av.VideoStream, *, is_timed: bool, may_begin_anywhere: bool) -> None:
        self.usual = max(1, round(1 / (usual_rate(stream) * stream.time_base))) if stream.time_base else 1
        self.is_timed = is_timed or stream.codec_context.codec.intra_only
        self.may_begin_anywhere = may_begin_anywhere
        self.begin: int | None = None
        self.delay: int | None = None
        self.next = 0

    def due(self, packet: av.Packet) -> int | None:
        """Return when the frame of a packet is shown; None where that is not known, or there need not be one.

        What is shown before the first frame that needs no other, or left out by an edit list, is no part of the film.
        """
        if self.is_timed:
            time = packet.pts
        else:
            time = None if packet.dts is None or self.delay is None else packet.dts - self.delay
        if time is None or not packet.size or packet.is_discard:
            return None
        if self.begin is None and (packet.is_keyframe or not self.may_begin_anywhere):
            self.begin = time
        return None if self.begin is None or time < self.begin else time

    def timed(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame with a time: its own, or one that does not overlap the frame before."""
        time = frame.pts if self.is_timed else self._by_decoding(frame.dts)
        frame.pts = self.next if time is None else time
        self.next = frame.pts + (frame.duration or self.usual)
        return frame

    def _by_decoding(self, time: int | None) -> int | None:
        if time is None:
            return None
        if self.delay is None:
            self.delay = time
        return max(time - self.delay, self.next)


def _in_order(frames: Iterator[av.VideoFrame | int], gap: float) -> Iterator[av.VideoFrame | int]:
    """Yield frames by time, and times that were due and have no frame within `gap`; what comes too late is dropped."""
    due: list[int] = []
    last: int | None = None
    for frame in frames:
        if isinstance(frame, int):
            heapq.heappush(due, frame)
            continue
        present = time_of(frame)
        while due and due[0] <= present:
            time = heapq.heappop(due)
            if present - time >= gap and (last is None or time - last >= gap):
                last = time
                yield time
        if last is None or present > last:
            last = present
            yield frame
    for time in sorted(due):
        if last is not None and time - last >= gap:
            last = time
            yield time


def time_of(frame: av.VideoFrame) -> int:
    """Return when a frame is shown; those without a time have been left out."""
    if frame.pts is None:
        raise ValueError("a frame without a time")
    return frame.pts


def _progressive(frames: Iterator[av.VideoFrame | int], time_base: Fraction) -> Iterator[av.VideoFrame | int]:
    """Yield decoded frames, those that are interlaced by FFmpeg's filter bwdif (Bob Weaver, after the BBC's w3fdif).

    The two fields of such a frame show two moments: where something moves, its lines do not fit together, and a network
    would paint combs. Film that is not interlaced passes by.

    Args:
        frames: with times; integers are those at which frames are due, and come before them.
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
    graph.link_nodes(source, graph.add("bwdif", DEINTERLACING), graph.add("buffersink")).configure()
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
