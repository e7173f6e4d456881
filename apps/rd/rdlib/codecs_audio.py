"""Audio codecs through ffmpeg. {q} is the target in kbit/s; the rate shown is that of the file on disk."""

import re

from .codecs import Codec, CodecError, Options, tessera_files

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


# A command in which one program's output is another's input, and a failure of either is one of the whole.
PIPE = ("bash", "-c", 'set -o pipefail; "$0" decode "$1" - --quiet --threads "$2" --device "$3" | '
        'ffmpeg -v error -y -i - -ar "$4" -ac "$5" -c:a pcm_s16le "$6"')


def tessera(text, settings):
    """Tessera's audio models. They decode at their own rate; ffmpeg brings that to the source's."""
    o = Options(text, 1, {"device": "cpu", "delay": "normal", "effort": "5", "rates": ""},
                {"device": ("cpu", "cuda"), "delay": ("normal", "low")})
    model = o.arguments[0] if o.arguments else "speech"
    program = settings.tessera
    kbps = ("0.75", "1.5", "2.25", "3", "4.5", "6", "9", "12") if model.startswith("speech") else (
        "3", "4.5", "6", "9", "12", "15", "18", "24")
    if o.rates:
        kbps = tuple(o.rates.split("+"))
        if not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", rate) for rate in kbps):
            raise CodecError(f"{text}: rates are numbers of kbit/s with + between them")
    low = ("--low-delay",) if o.delay == "low" else ()
    return Codec(
        name=text, label=f"Tessera {model}" + (f" effort {o.effort}" if o.effort != "5" else "") + (" low delay" if low else "") +
        (" (CUDA)" if o.device == "cuda" else ""),
        suite="audio", extension="tsr", source="wav", output="wav",
        encode=(program, "encode", "{in}", "{out}", "--model", model, "--bitrate", "{q}k", "--effort", o.effort, *low, "--device", o.device,
                "--threads", "{threads}"),
        decode=(*PIPE, program, "{in}", "{threads}", o.device, "{rate}", "{channels}", "{out}"),
        qualities=kbps, version_command=(program, "--version"), digest_of=tessera_files(program),
        digest_command=(program, "models", "--json"), keeps_time=True,
        note=f"model {model}, effort {o.effort}, {o.device}")


CODECS = {"tessera": tessera, "opus": opus, "aac": aac, "mp3": mp3}
