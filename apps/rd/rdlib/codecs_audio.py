"""Audio codecs through ffmpeg. {q} is the target in kbit/s; the rate shown is that of the file on disk."""

from .codecs import Codec, Options

VERSION = dict(version_command=("ffmpeg", "-version"), version_pattern=r"ffmpeg version (\S+)")
DECODE = ("ffmpeg", "-v", "error", "-y", "-i", "{in}", "-ar", "{rate}", "-ac", "{channels}", "-c:a", "pcm_s16le",
          "{out}")


def _codec(text, label, encoder, options, form, extension, kbps, note):
    return Codec(name=text, label=label, suite="audio", extension=extension, source="wav", output="wav",
                 encode=("ffmpeg", "-v", "error", "-y", "-i", "{in}", "-map_metadata", "-1", "-c:a", encoder, *options,
                         "-b:a", "{q}k", "-f", form, "{out}"),
                 decode=DECODE, qualities=tuple(str(q) for q in kbps), needs=(encoder,), note=note, **VERSION)


def opus(text, settings):
    o = Options(text, 0, {"complexity": "10"})
    return _codec(text, "Opus", "libopus", ("-vbr", "on", "-compression_level", o.complexity), "ogg", "opus",
                  (6, 8, 12, 16, 24, 32, 48, 64, 96, 128), "VBR, Ogg with its page headers counted")


def aac(text, settings):
    Options(text, 0, {})
    return _codec(text, "AAC-LC (ffmpeg)", "aac", (), "adts", "aac", (16, 24, 32, 48, 64, 96, 128, 160),
                  "ADTS: 7 bytes of header in each frame are counted")


def mp3(text, settings):
    Options(text, 0, {})
    return _codec(text, "MP3 (LAME)", "libmp3lame", ("-write_xing", "0", "-id3v2_version", "0"), "mp3", "mp3",
                  (32, 40, 48, 64, 80, 96, 128, 160), "without Xing and ID3 headers; the delay is found and taken out")


CODECS = {"opus": opus, "aac": aac, "mp3": mp3}
