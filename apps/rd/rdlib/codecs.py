"""What a codec is to the bench: command templates, a list of qualities, a version. The list of those built in.

A codec is asked for as NAME[:ARGUMENT][:OPTION=VALUE...], for example `jpeg`, `avif:speed=4` or
`tessera:still:effort=7`; or it is the path of a text file that describes it (external.py).
"""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from . import process

SUITES = ("images", "video", "audio")
RATE_UNIT = {"images": "bpp", "video": "bpp", "audio": "kbit/s"}

# Which Debian package brings a program.
PACKAGES = {"cjpeg": "libjpeg-turbo-progs", "djpeg": "libjpeg-turbo-progs", "cwebp": "webp", "dwebp": "webp",
            "avifenc": "libavif-bin", "avifdec": "libavif-bin", "cjxl": "libjxl-tools", "djxl": "libjxl-tools",
            "ffmpeg": "ffmpeg", "ffprobe": "ffmpeg"}


class CodecError(ValueError):
    """A codec that is not known, or an option that it does not have."""


class CodecMissing(RuntimeError):
    """A codec whose program is not on this machine; the message names what to install."""


@dataclass(frozen=True)
class Codec:
    """Commands are lists of arguments in which {in}, {out}, {q}, {threads} and the fields of media.Source
    ({width}, {height}, {rate}, {channels}, ...) are filled in. Qualities go from the smallest file to the largest.
    """

    name: str                   # as it was asked for; the key of its curve
    label: str                  # for the reader
    suite: str
    encode: tuple
    decode: tuple
    qualities: tuple            # values of {q}, as text
    extension: str              # of the coded file
    source: str                 # what the encoder reads: png, ppm, y4m, wav
    output: str                 # what the decoder writes
    version_command: tuple = ()
    version_pattern: str = r"(.+)"
    needs: tuple = ()           # encoders that ffmpeg must have
    note: str = ""              # for the report: structure, colour format
    encode_clock: str = ""      # pattern of a time in seconds, or of a speed in MP/s, in the program's own output
    decode_clock: str = ""
    bench: tuple = ()           # command that prints {"encode_seconds": ..., "decode_seconds": ...} of one source
    info: tuple = ()            # command that prints {"decode_kmac_per_pixel": ...} of one coded file
    keeps_time: bool = False    # audio: what it decodes lies sample on sample over the source; nothing is to be aligned
    digest_of: tuple = ()       # files whose content is part of the version
    digest_command: tuple = ()  # command whose output is part of the version: weights and the like

    def programs(self):
        return sorted({self.encode[0], self.decode[0]})

    def version(self):
        """One line that changes when the codec does; CodecMissing when it cannot run here."""
        for program in self.programs():
            if shutil.which(program) is None:
                raise CodecMissing(missing_hint(self, program))
        if self.needs:
            have = process.text_of([self.encode[0], "-hide_banner", "-encoders"]) or ""
            for encoder in self.needs:
                if not re.search(rf"\b{re.escape(encoder)}\b", have):
                    raise CodecMissing(f"ffmpeg without the encoder {encoder}: install Debian's package ffmpeg")
        said = process.text_of(self.version_command) if self.version_command else None
        found = re.search(self.version_pattern, said or "")
        version = found.group(1).strip() if found else ""
        for path in self.digest_of:
            version += f" sha256:{digest(path)[:12]}"
        if self.digest_command:
            said = process.text_of(self.digest_command) or ""
            version += f" models:{hashlib.sha256(said.encode()).hexdigest()[:12]}"
        return version.strip() or f"sha256:{digest(shutil.which(self.encode[0]))[:12]}"

    def key(self):
        """What decides the coded bits and the decoded samples, apart from version, file and quality."""
        return [self.suite, list(self.encode), list(self.decode), self.source, self.output]


def missing_hint(codec, program):
    base = Path(program).name
    if base in PACKAGES:
        return f"{base} is not installed: Debian package {PACKAGES[base]} (apt-get install {PACKAGES[base]})"
    if base == "tessera":
        return f"{os.path.relpath(program)} is not built: cmake --preset release && cmake --build build"
    return f"{program}: no such program"


def tessera_files(program):
    """What decides Tessera's bits apart from the weights: the program, and Tessera's libraries beside it."""
    if not os.path.exists(program):
        return ()
    folder = Path(program).resolve().parent
    return (program, *sorted(map(str, {p.resolve() for p in folder.glob("**/libtessera*.so*")})))


def digest(path):
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def fill(template, values):
    """A command template with its placeholders filled in."""
    try:
        return [part.format_map(values) for part in template]
    except (KeyError, IndexError, ValueError) as e:
        raise CodecError(f"unknown placeholder {e} in {' '.join(template)}") from None


def pick(qualities, count):
    """`count` of the qualities, evenly spread over the list, both ends included; all when count is 0."""
    n = len(qualities)
    if count <= 0 or count >= n:
        return tuple(qualities)
    if count == 1:
        return (qualities[n // 2],)
    return tuple(qualities[round(i * (n - 1) / (count - 1))] for i in range(count))


def parse(text):
    """'avif:speed=4' -> ('avif', [], {'speed': '4'})"""
    name, *rest = text.split(":")
    options = dict(part.split("=", 1) for part in rest if "=" in part)
    return name, [part for part in rest if "=" not in part], options


class Options:
    """The options of a codec's name, checked against those that it has."""

    def __init__(self, text, allowed_arguments, defaults, choices=None):
        name, self.arguments, given = parse(text)
        for key, value in given.items():
            if key not in defaults:
                known = ", ".join(defaults) or "none"
                raise CodecError(f"{name} has no option '{key}' (it has: {known})")
            allowed = (choices or {}).get(key)
            if allowed and value not in allowed:
                raise CodecError(f"{name}: {key}={value}: one of {', '.join(allowed)}")
        if len(self.arguments) > allowed_arguments:
            raise CodecError(f"{name}: unexpected '{self.arguments[-1]}'; options are written KEY=VALUE")
        self.values = {**defaults, **given}

    def __getattr__(self, key):
        try:
            return self.values[key]
        except KeyError:
            raise AttributeError(key) from None


def find(text, suite, settings):
    """The codec that was asked for; CodecError when there is none of that name in the suite."""
    from . import codecs_audio, codecs_image, codecs_video, external  # they import this module
    if text.endswith(".toml"):
        return external.load(text, suite)
    known = {"images": codecs_image.CODECS, "video": codecs_video.CODECS, "audio": codecs_audio.CODECS}[suite]
    name = parse(text)[0]
    if name not in known:
        raise CodecError(f"no codec '{name}' in the suite {suite}: {', '.join(known)}, or a .toml file")
    return replace(known[name](text, settings), name=text)


@dataclass(frozen=True)
class Settings:
    """What the user set for all codecs."""

    threads: int = 1
    intra_period: int = 32        # frames, video
    tessera: str = "build/tessera"
