"""Small films, written by PyAV alone."""

from fractions import Fraction

import av
import numpy as np

SOUND_RATE = 48_000


def write_video(
    path, frames, *, times=None, time_base=Fraction(1, 90000), codec="libx264", sound=None, timecode=None, **tags
):
    """Write frames, uint8 (height, width, 3).

    `sound` is the codec of a tone beside them; `tags` are attributes of the stream's codec context, and the encoder's
    `options`; `container_options` are the file's.
    """
    times = [i * 3600 for i in range(len(frames))] if times is None else times
    with av.open(str(path), "w", container_options=tags.pop("container_options", None)) as film:
        stream = film.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = tags.pop("pix_fmt", "yuv444p")
        stream.options = tags.pop("options", {"crf": "1", "bf": "2", "g": "12"})
        stream.codec_context.time_base = time_base
        if timecode is not None:
            film.metadata["timecode"] = timecode
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        audio = film.add_stream(sound, rate=SOUND_RATE, layout="stereo") if sound else None
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, time_base
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
        if audio is not None:
            _write_sound(film, audio)


def _write_sound(film, stream):
    for i in range(10):
        samples = (np.sin(np.arange(2048) * 0.2 + i) * 9000).astype(np.int16)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, i * 1024
        film.mux(stream.encode(frame))
    film.mux(stream.encode())


def packets(path, kind):
    """Return (seconds, bytes) of the packets of the first stream of a kind."""
    with av.open(str(path)) as film:
        stream = next(stream for stream in film.streams if stream.type == kind)
        found = [packet for packet in film.demux(stream) if packet.size]
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in found]


def with_tracks(path, source, subtitles, *, codec, languages=("eng", "deu"), attachment=None):
    """Write a film with sound once more: with two chapters and a title, its sound in several languages, and subtitles.

    `subtitles` are (milliseconds, length, bytes of a packet); an `attachment` is (name, kind, bytes).
    """
    with av.open(str(source)) as film, av.open(str(path), "w") as made:
        video = made.add_stream_from_template(film.streams.video[0], opaque=True)
        sounds = [made.add_stream_from_template(film.streams.audio[0], opaque=True) for _ in languages]
        for sound, language in zip(sounds, languages, strict=True):
            sound.metadata["language"] = language
        texts = made.add_mux_stream(codec, time_base=Fraction(1, 1000))
        texts.metadata["language"] = "fra"
        made.metadata["title"] = "A film"
        made.set_chapters([_chapter(1, 0, 100, "First"), _chapter(2, 100, 240, "Second")])
        if attachment is not None:
            made.add_attachment(*attachment)
        for time, length, content in subtitles:
            packet = av.Packet(content)
            packet.time_base, packet.stream = Fraction(1, 1000), texts
            packet.pts = packet.dts = time
            packet.duration = length
            made.mux(packet)
        for packet in film.demux():
            if packet.dts is not None:
                for stream in [video] if packet.stream.type == "video" else sounds:
                    made.mux(_copy(packet, stream))


def _chapter(number, start, end, title):
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}


def _copy(packet, stream):
    copy = av.Packet(bytes(packet))
    copy.time_base, copy.stream = packet.time_base, stream
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe = packet.is_keyframe
    return copy


def turned_in_player(path, matrix):
    """Write a matrix (nine integers) into the track header of an MP4 file: players turn the picture by it."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4
    place += {0: 40, 1: 52}[content[place]]
    content[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)
