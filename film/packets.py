"""The packets of a film's streams, with times that go on where those of the file begin anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av

# FFmpeg's names of formats whose files may be joined end to end, as recorders do: their times then begin anew. They are
# those of a broadcaster's clock, which may begin at any hour.
JOINABLE = ("mpegts", "mpeg")
# Seconds by which times go back where another recording begins, not where they are merely wrong; as in FFmpeg.
MIN_STEP_BACK = Fraction(1, 10)
# Of times in these formats, in seconds.
TICK = Fraction(1, 90_000)


def packets_of(container: av.container.InputContainer, streams: Sequence[av.stream.Stream]) -> Iterator[av.Packet]:
    """Yield the packets of streams in the order of the file; an empty one ends each stream.

    Of formats that may be joined the earliest stream begins at the time 0.

    Args:
        container: opened, at its beginning.
        streams: some of its streams.
    """
    if container.format.name not in JOINABLE:
        yield from container.demux(list(streams))
        return
    wanted = {stream.index for stream in streams}
    timeline = _Timeline(-Fraction(container.start_time or 0, av.time_base))
    # All of them are read, so that pictures and sound, which are read apart, are moved alike.
    for packet in container.demux(*container.streams.video, *container.streams.audio, *container.streams.subtitles):
        if timeline.move(packet) and packet.stream.index in wanted:
            yield packet


def delay(packet: av.Packet, seconds: Fraction) -> None:
    """Move the times that a packet has."""
    ticks = round(seconds / packet.time_base)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


def told_end(container: av.container.InputContainer, stream: av.stream.Stream) -> Fraction | None:
    """Return the seconds at which a stream ends, as the file says; None where it does not tell, or only guesses."""
    if container.format.name in JOINABLE:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    tags = {tag.lower(): text for tag, text in stream.metadata.items()}
    told = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tags.get("duration", ""))  # as Matroska has it
    return None if told is None else int(told[1]) * 3600 + int(told[2]) * 60 + Fraction(told[3])


class _Timeline:
    """Moves packets to where the first recording's times would have gone on.

    Each stream comes to the next recording at a place of its own in the file; the first one decides how far that is
    moved: to the end of all streams so far. Sound that still comes after it would overlap, and is left out.

    Args:
        shift: of the first recording, in seconds.
    """

    def __init__(self, shift: Fraction) -> None:
        self.shifts = [shift]
        self.recordings: dict[int, int] = {}
        self.ends: dict[int, Fraction] = {}

    def move(self, packet: av.Packet) -> bool:
        """Change the times of the next packet by its recording's shift; return whether it is part of the film."""
        if packet.dts is None and packet.pts is None:
            return True
        index, base = packet.stream.index, packet.time_base
        shift = self.shifts[-1]
        if packet.dts is not None and packet.stream.type in ("video", "audio"):
            begin = packet.dts * base
            shift = self._shift(index, begin)
            is_later = self.recordings[index] > 0
            if packet.stream.type == "audio" and is_later and begin + shift < self.ends[index] - TICK:
                return False
            self.ends[index] = (packet.dts + (packet.duration or 0)) * base + shift
        delay(packet, shift)
        return True

    def _shift(self, index: int, time: Fraction) -> Fraction:
        recording = self.recordings.setdefault(index, 0)
        end = self.ends.get(index)
        if end is not None and time + self.shifts[recording] + MIN_STEP_BACK < end:
            recording = self.recordings[index] = recording + 1
            if recording == len(self.shifts):
                self.shifts.append(max(self.ends.values()) - time)
        return self.shifts[recording]
