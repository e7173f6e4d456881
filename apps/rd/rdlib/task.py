"""One point: a file coded by one codec at one quality. Runs in a worker process."""

import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

from . import media, process
from .codecs import fill

_lpips = None


def start_worker(lpips_weights=None):
    """Ctrl-C is for the parent, which lets the points in progress finish."""
    global _lpips
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if lpips_weights:
        from .lpips import Lpips
        _lpips = Lpips(lpips_weights)


def _values(job, **paths):
    return {**job["values"], "q": job["q"], **{k: str(v) for k, v in paths.items()}}


def _code(job, folder, coded):
    """Encodes and decodes. -> (decoded path, Usage of the encoder, Usage of the decoder)"""
    codec = job["codec"]
    decoded = folder / f"decoded.{codec.output}"
    original = Path(job["source_path"])
    up = process.run(fill(codec.encode, _values(job, **{"in": original, "out": coded})), folder / "log",
                     job["timeout"])
    if not coded.exists() or coded.stat().st_size == 0:
        raise process.CommandError(f"{Path(codec.encode[0]).name}: no output file")
    down = process.run(fill(codec.decode, _values(job, **{"in": coded, "out": decoded})), folder / "log",
                       job["timeout"])
    if not decoded.exists():
        raise process.CommandError(f"{Path(codec.decode[0]).name}: no output file")
    return decoded, up, down


def _kmac(codec, coded):
    """Decoder's thousand multiply-accumulates per pixel, as the codec states it for this file."""
    if not codec.info:
        return None
    try:
        return float(process.json_of(fill(codec.info, {"coded": str(coded)}))["decode_kmac_per_pixel"]) or None
    except (ValueError, KeyError, TypeError):
        return None


def quality(job):
    """-> the point's record, or one with "error"."""
    begin = time.monotonic()
    codec, suite = job["codec"], job["codec"].suite
    with tempfile.TemporaryDirectory(prefix="rd-", dir=job["work"]) as name:
        folder = Path(name)
        coded = folder / f"coded.{codec.extension}"
        record = {"key": job["key"], "kind": "quality", "codec": codec.name, "q": job["q"], "file": job["file"]}
        try:
            decoded, up, down = _code(job, folder, coded)
            bits = 8 * coded.stat().st_size
            record |= {"bits": bits, "rate": bits / job["units"], "kmac": _kmac(codec, coded)}
            original = Path(job["source_path"])
            # Imported where needed: a worker of one suite does not load the others' libraries.
            if suite == "images":
                from . import metrics_image
                record["metrics"] = metrics_image.measure(original, decoded, _lpips)
            elif suite == "audio":
                from . import metrics_audio
                record["metrics"] = metrics_audio.measure(original, decoded, codec.keeps_time)
            else:
                from . import metrics_video
                record["metrics"], frames = metrics_video.measure(original, decoded, folder / "log")
                bits_of = metrics_video.frame_bits(coded)
                if len(bits_of) == len(frames):
                    frames = [{**f, "bits": b, "type": t} for f, (b, t) in zip(frames, bits_of)]
                record["frames"] = [{k: round(v, 3) if isinstance(v, float) else v for k, v in f.items()}
                                    for f in frames]
            stream = Path(job["streams"]) / f"{job['key']}.{codec.extension}"
            shutil.move(coded, stream)
            record["stream"] = stream.name
        except (process.CommandError, media.MediaError) as e:
            record["error"] = str(e)
        except Exception as e:  # a fault in a metric must not end a run of hours
            record["error"] = f"{type(e).__name__}: {e}"
    record["seconds"] = time.monotonic() - begin
    return record


def _clock(pattern, output, pixels):
    """Seconds that a program printed about itself, or None."""
    found = list(re.finditer(pattern, output)) if pattern else []
    if not found:
        return None
    groups = found[-1].groupdict()
    if groups.get("s") is not None:
        return float(groups["s"])
    speed = float(groups["mps"])  # megapixels per second
    return pixels / 1e6 / speed if speed > 0 else None


def timing(job):
    """Best of several runs, alone on the machine. -> the timing's record, or one with "error"."""
    begin = time.monotonic()
    codec = job["codec"]
    pixels = job["values"]["width"] * job["values"]["height"]
    record = {"key": job["key"], "kind": "timing", "codec": codec.name, "q": job["q"], "file": job["file"]}
    best = {}

    def keep(name, value):
        if value is not None:
            best[name] = min(value, best.get(name, value))

    with tempfile.TemporaryDirectory(prefix="rd-", dir=job["work"]) as name:
        folder = Path(name)
        coded = folder / f"coded.{codec.extension}"
        try:
            for _ in range(job["reps"]):
                _, up, down = _code(job, folder, coded)
                keep("encode_s", up.wall_s)
                keep("decode_s", down.wall_s)
                keep("encode_inside_s", _clock(codec.encode_clock, up.output, pixels))
                keep("decode_inside_s", _clock(codec.decode_clock, down.output, pixels))
                record["encode_kib"] = max(up.peak_kib, record.get("encode_kib", 0))
                record["decode_kib"] = max(down.peak_kib, record.get("decode_kib", 0))
            if codec.bench:
                try:
                    figures = process.json_of(fill(codec.bench, _values(job, **{"in": job["source_path"]})))
                    for side in ("encode", "decode"):
                        keep(f"{side}_inside_s", figures.get(f"{side}_seconds"))
                except ValueError:
                    pass  # an older program without the bench command: whole-process times remain
            record |= best
        except (process.CommandError, OSError) as e:
            record["error"] = str(e)
    record["seconds"] = time.monotonic() - begin
    return record
