"""Sound and subtitles of a film: copied into another, or made Opus where its format cannot hold the sound's codec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av

from film.reading import open_container

# Bits a second and channel at which Opus is transparent to nearly all ears.
OPUS_RATE = 96_000


@contextmanager
def other_packets(
    source: Path, film: av.container.OutputContainer, notes: list[str]
) -> Iterator[Iterator[tuple[float, av.Packet]]]:
    """Yield the packets of the source's sound and subtitles with their seconds, made ready for `film`.

    Args:
        source: the film that has them; numbered frames have none.
        film: that gets their streams.
        notes: gets a line for each stream that is changed or left out.
    """
    if not source.is_file():
        yield iter(())
        return
    with open_container(source) as container:
        copied: dict[int, av.stream.Stream] = {}
        encoded: dict[int, av.AudioStream] = {}
        for stream in (*container.streams.audio, *container.streams.subtitles):
            name = stream.codec_context.codec.canonical_name
            if name in film.supported_codecs:
                copied[stream.index] = film.add_stream_from_template(stream, opaque=True)
            elif isinstance(stream, av.AudioStream) and "opus" in film.supported_codecs:
                encoded[stream.index] = _opus_stream(film, stream)
                notes.append(f"{source}: its sound ({name}) becomes Opus, which this format holds")
            else:
                notes.append(f"{source}: its {stream.type} stream {stream.index} ({name}) does not go into this format")
        yield _packets(container, copied, encoded)


def _opus_stream(film: av.container.OutputContainer, stream: av.AudioStream) -> av.AudioStream:
    channels = min(stream.channels, 2)
    opus = film.add_stream("libopus", rate=48_000, layout="mono" if channels == 1 else "stereo")
    if not isinstance(opus, av.AudioStream):
        raise TypeError("libopus encodes no sound")
    opus.bit_rate = OPUS_RATE * channels
    return opus


def _packets(
    container: av.container.InputContainer, copied: dict[int, av.stream.Stream], encoded: dict[int, av.AudioStream]
) -> Iterator[tuple[float, av.Packet]]:
    streams = [container.streams[index] for index in (*copied, *encoded)]
    for packet in container.demux(streams) if streams else ():
        if packet.stream.index in encoded:
            yield from _encoded(packet, encoded[packet.stream.index])
        elif packet.dts is not None:
            seconds = float(packet.dts * packet.time_base)
            packet.stream = copied[packet.stream.index]
            yield seconds, packet


def _encoded(packet: av.Packet, stream: av.AudioStream) -> Iterator[tuple[float, av.Packet]]:
    """Yield what becomes of a packet of sound; a broken one is silent. The last one is empty."""
    frames: list[Any] = [] if packet.dts is not None else [None]  # of sound, which PyAV's types take for pictures
    with suppress(av.FFmpegError):
        frames = [*packet.decode(), *frames]
    for frame in frames:
        for made in stream.encode(frame):  # resampled, and cut into Opus' lengths, by PyAV
            if made.pts is not None:
                yield float(made.pts * made.time_base), made
