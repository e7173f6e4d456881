"""A codec described by a text file (TOML):

    label = "My codec"
    suite = "images"                              # images, video or audio
    encode = "mycodec -q {q} {in} {out}"
    decode = "mycodec -d {in} {out}"
    qualities = [10, 20, 30, 40]                  # from the smallest file to the largest
    source = "png"                                # optional: png (default) or ppm; y4m for video, wav for audio
    output = "png"                                # optional, as source
    extension = "bin"                             # optional
    version = "mycodec --version"                 # optional: a command; its first line counts

Commands are split like a shell would, but no shell runs them. Placeholders: {in} {out} {q} {threads} {width} {height}
{rate} {channels} {intra} {here}; the last is the folder of the text file.
"""

import shlex
import tomllib
from pathlib import Path

from .codecs import SUITES, Codec, CodecError, fill

DEFAULT_FORM = {"images": "png", "video": "y4m", "audio": "wav"}
FORMS = {"images": ("png", "ppm"), "video": ("y4m",), "audio": ("wav",)}
FIELDS = {"label", "suite", "encode", "decode", "qualities", "source", "output", "extension", "version", "note"}


def load(path, suite):
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise CodecError(f"{path}: {e}") from None
    unknown = set(data) - FIELDS
    if unknown:
        raise CodecError(f"{path}: unknown field {', '.join(sorted(unknown))}")
    missing = {"encode", "decode", "qualities"} - set(data)
    if missing:
        raise CodecError(f"{path}: the field {', '.join(sorted(missing))} is missing")
    if data.get("suite", suite) not in SUITES:
        raise CodecError(f"{path}: suite = {data['suite']!r}: one of {', '.join(SUITES)}")
    if data.get("suite", suite) != suite:
        raise CodecError(f"{path}: a codec of the suite {data['suite']}, not {suite}")
    if not isinstance(data["qualities"], list) or not data["qualities"]:
        raise CodecError(f"{path}: qualities must be a list with at least one value")
    forms = {key: data.get(key, DEFAULT_FORM[suite]) for key in ("source", "output")}
    for key, form in forms.items():
        if form not in FORMS[suite]:
            raise CodecError(f"{path}: {key} = {form!r}: one of {', '.join(FORMS[suite])}")

    here = str(Path(path).resolve().parent)
    def command(key):
        try:
            parts = shlex.split(data[key])
        except (ValueError, AttributeError) as e:
            raise CodecError(f"{path}: {key}: {e}") from None
        if not parts:
            raise CodecError(f"{path}: {key} is empty")
        return tuple(part.replace("{here}", here) for part in parts)

    codec = Codec(name=Path(path).stem, label=data.get("label", Path(path).stem), suite=suite,
                  encode=command("encode"), decode=command("decode"),
                  qualities=tuple(str(q) for q in data["qualities"]), extension=data.get("extension", "bin"),
                  version_command=command("version") if "version" in data else (), note=data.get("note", ""), **forms)
    trial = dict.fromkeys(("in", "out", "q", "threads", "width", "height", "rate", "channels", "intra", "fps",
                           "frames"), "1")
    for template in (codec.encode, codec.decode):
        fill(template, trial)
        for wanted in ("{in}", "{out}"):
            if not any(wanted in part for part in template):
                raise CodecError(f"{path}: no {wanted} in: {' '.join(template)}")
    return codec
