"""Everything in a film beside its pictures: sound, subtitles, chapters, titles, attached files.

It is copied into another film. Sound whose codec the other format cannot hold becomes Opus (AAC in .mov), subtitles
that are text become such text as it holds; what else does not go there is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from film.formats import is_animation
from film.packets import packets_of
from film.reading import open_container, pictures_of

# Bits a second and channel at which Opus is transparent to nearly all ears, and AAC to most.
SOUND_RATE = 96_000
# FFmpeg's names of subtitles that are text, and of those that others become, where the format holds them.
TEXTS = ("subrip", "mov_text", "webvtt", "ass", "ssa", "text")
WRITABLE_TEXTS = TEXTS[:3]
MILLISECOND = Fraction(1, 1000)
# FFmpeg's .mov lists them, and refuses them at the end.
REFUSED = {"mov": ("opus", "flac", "tta", "wavpack")}
# What both encoders take, by the number of channels.
LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
# What streams tell of themselves to whoever chooses among them (MP4 has its own word for a title); and what describes
# the file, not the film.
KEPT_TAGS = {"language": "language", "title": "title", "name": "title"}
FILE_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "timecode")

# A packet of the film that is written, with its seconds.
Timed = tuple[float, av.Packet]
# What becomes of a packet of the source.
Passage = Callable[[av.Packet], Iterator[Timed]]


@contextmanager
def other_packets(source: Path, film: av.container.OutputContainer, notes: list[str]) -> Iterator[Iterator[Timed]]:
    """Yield the packets of the source's sound and subtitles with their seconds, made ready for `film`.

    Args:
        source: the film that has them; numbered frames have none.
        film: that gets their streams, and the source's chapters, titles and attached files.
        notes: gets a line for each stream that is changed, and one for those that are left out.
    """
    if not source.is_file():
        yield iter(())
        return
    with open_container(source) as container:
        passages = _passages(container, film, source, notes)
        film.set_chapters(container.chapters())
        film.metadata.update({tag: text for tag, text in container.metadata.items() if tag.lower() not in FILE_TAGS})
        streams = [container.streams[index] for index in passages]
        packets = packets_of(container, streams) if streams else iter(())
        yield (timed for packet in packets for timed in passages[packet.stream.index](packet))


def lost_tracks(source: Path) -> list[str]:
    """Return a line about the sound and subtitles of a film that becomes an animation or numbered frames, if any."""
    if not source.is_file() or is_animation(source):
        return []
    with open_container(source) as container:
        tracks = {"sound": container.streams.audio, "subtitles": container.streams.subtitles}
    lost = " and ".join(name for name, streams in tracks.items() if streams)
    return [f"{source}: left out, because only videos can have it: {lost}"] if lost else []


def _passages(
    container: av.container.InputContainer, film: av.container.OutputContainer, source: Path, notes: list[str]
) -> dict[int, Passage]:
    """Add the streams to `film`, and return by the source's index of each what becomes of its packets."""
    supported = film.supported_codecs
    shown = pictures_of(container, source)
    passages: dict[int, Passage] = {}
    left_out = []
    for stream in container.streams:
        codec = stream.codec_context.codec if stream.codec_context else None
        name = codec.canonical_name if codec else "unknown"
        if stream.index == shown.index:
            film.streams.video[0].metadata.update(_kept_tags(stream))
        elif (
            codec and stream.type in ("audio", "subtitle") and codec.name in supported and _holds(film, stream, source)
        ):
            passages[stream.index] = _copied(_described(film.add_stream_from_template(stream, opaque=True), stream))
        elif codec and isinstance(stream, av.AudioStream) and "opus" in supported:
            made = _encoded_stream(film, stream)
            passages[stream.index] = _encoded(_described(made, stream))
            becomes = "AAC" if made.codec_context.codec.canonical_name == "aac" else "Opus"
            notes.append(f"{source}: its sound ({name}) is converted to {becomes}, which this format supports")
        elif isinstance(stream, SubtitleStream) and (text := _text_for(stream, supported)):
            passages[stream.index] = _as_text(_text_stream(film, stream, text))
            notes.append(f"{source}: its subtitles ({name}) are converted to {text}, which this format supports")
        elif _is_chapter_track(stream) and container.chapters():
            continue  # MP4's form of the chapters, which are kept
        elif stream.type == "attachment" and film.format.name == "matroska":
            film.add_stream_from_template(stream)
        else:
            left_out.append(f"{_kind(stream)} {stream.index} ({name})")
    if left_out:
        notes.append(f"{source}: left out, because this format does not support it: {', '.join(left_out)}")
    return passages


def _holds(film: av.container.OutputContainer, stream: Stream, source: Path) -> bool:
    """Say whether a format takes a stream as it is, by a trial: some refuse at the end what they list."""
    if stream.codec_context.codec.canonical_name in REFUSED.get(film.format.name, ()):
        return False
    try:
        with av.open(BytesIO(), "w", format=film.format.name) as trial:
            made = trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            if packet := _first_packet(source, stream.index):
                packet.stream = made
                packet.pts = packet.dts = 0
                trial.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _first_packet(source: Path, index: int) -> av.Packet | None:
    """Return what a stream begins with, which tells some formats how it is packed; None where it is empty."""
    with open_container(source) as container:
        return next((packet for packet in container.demux(container.streams[index]) if packet.size), None)


def _is_chapter_track(stream: Stream) -> bool:
    return stream.type == "data" and stream.metadata.get("handler_name") == "SubtitleHandler"


def _kind(stream: Stream) -> str:
    return "cover picture" if stream.disposition & Disposition.attached_pic else f"{stream.type} stream"


def _described(made: Any, stream: Stream) -> Any:
    """Return a stream that is written, with what its source tells about itself."""
    made.metadata.update(_kept_tags(stream))
    made.disposition = stream.disposition
    return made


def _kept_tags(stream: Stream) -> dict[str, str]:
    return {KEPT_TAGS[tag]: text for tag, text in stream.metadata.items() if tag in KEPT_TAGS}


def _copied(made: Stream) -> Passage:
    def copy(packet: av.Packet) -> Iterator[Timed]:
        if packet.dts is not None:
            seconds = float(packet.dts * packet.time_base)
            packet.stream = made
            yield seconds, packet

    return copy


def _encoded_stream(film: av.container.OutputContainer, stream: av.AudioStream) -> av.AudioStream:
    channels = min(stream.channels, len(LAYOUTS))
    encoder = "aac" if film.format.name == "mov" else "libopus"
    made = film.add_stream(encoder, rate=48_000, layout=LAYOUTS[channels - 1])
    if not isinstance(made, av.AudioStream):
        raise TypeError(f"{encoder} does not encode sound")
    made.bit_rate = SOUND_RATE * channels
    return made


def _encoded(made: av.AudioStream) -> Passage:
    """Return what encodes packets of sound; a broken one is silent. The last one is empty."""

    def encode(packet: av.Packet) -> Iterator[Timed]:
        frames: list[Any] = [] if packet.dts is not None else [None]  # of sound, which PyAV's types take for pictures
        with suppress(av.FFmpegError):
            frames = [*packet.decode(), *frames]
        for frame in frames:
            for encoded in made.encode(frame):  # resampled, and cut into the encoder's lengths, by PyAV
                if encoded.pts is not None:
                    yield float(encoded.pts * encoded.time_base), encoded

    return encode


def _text_for(stream: SubtitleStream, supported: set[str]) -> str | None:
    """Return the codec that subtitles become; None where they are no text, or broken."""
    if stream.codec_context.codec.canonical_name not in TEXTS:
        return None
    try:
        stream.codec_context.open(strict=False)
    except av.FFmpegError:
        return None
    if not stream.codec_context.subtitle_header:
        return None
    return next((text for text in WRITABLE_TEXTS if text in supported), None)


def _text_stream(film: av.container.OutputContainer, stream: SubtitleStream, text: str) -> SubtitleStream:
    made = film.add_stream(text)
    if not isinstance(made, SubtitleStream):
        raise TypeError(f"{text} is no subtitle")
    made.codec_context.subtitle_header = stream.codec_context.subtitle_header
    made.codec_context.time_base = MILLISECOND
    return _described(made, stream)


def _as_text(made: SubtitleStream) -> Passage:
    """Return what makes packets of text into such of the stream `made`; a broken one is left out."""

    def encode(packet: av.Packet) -> Iterator[Timed]:
        if packet.pts is None or packet.size == 0:
            return
        start = round(packet.pts * packet.time_base / MILLISECOND)
        length = round((packet.duration or 0) * packet.time_base / MILLISECOND)
        with suppress(av.FFmpegError):
            for part in packet.decode():
                if isinstance(part, AssSubtitle) and part.ass:
                    encoded = made.codec_context.encode_subtitle(SubtitleSet.create(part.ass, 0, length, start))
                    encoded.time_base, encoded.stream = MILLISECOND, made
                    yield start / 1000, encoded

    return encode
