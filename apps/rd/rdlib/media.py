"""The files that are coded: finding, hashing, and bringing them into the form that encoders read.

A source is converted once, into OUT/work: PNG and PPM with 8-bit RGB, Y4M with 8-bit 4:2:0, WAV with 16-bit PCM. That
form is what the codecs code and what distortion is measured against; its preparation is not timed.
"""

import json
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import process
from .codecs import digest

SUFFIXES = {
    "images": (".png", ".ppm", ".pnm", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"),
    "video": (".y4m", ".mkv", ".mp4", ".mov", ".webm", ".avi"),
    "audio": (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a"),
}
Image.MAX_IMAGE_PIXELS = 1 << 28


class MediaError(RuntimeError):
    """A file that cannot be read."""


@dataclass(frozen=True)
class Source:
    """One file of the suite. `units` is what the rate is counted against: pixels of all frames, or 1000 x seconds."""

    name: str
    sha256: str
    width: int = 0
    height: int = 0
    frames: int = 1
    fps: float = 0.0
    rate: int = 0        # samples per second
    channels: int = 0
    samples: int = 0     # per channel
    limits: str = ""     # how the file was shortened, part of the cache key

    @property
    def units(self):
        return self.width * self.height * self.frames if self.width else 1000 * self.samples / self.rate

    def values(self):
        return asdict(self)


def find(folder, suite):
    """The files of a suite in a folder (not below it), by name."""
    folder = Path(folder)
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES[suite] and p.is_file())


def read_rgb(path):
    """An image file as uint8 RGB of shape (H, W, 3). Alpha is dropped, grey is repeated."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise MediaError(f"{Path(path).name}: {e}") from None


def prepare(path, suite, work, frames=0, seconds=0.0, crop=0):
    """Converts one file into `work`, unless that was done before. -> Source

    frames, seconds: use only the beginning of a video or an audio file. crop: only the middle crop x crop pixels of
    an image. 0 means the whole.
    """
    path = Path(path)
    try:
        sha = digest(path)
    except OSError as e:
        raise MediaError(f"{path.name}: {e.strerror}") from None
    limits = {"images": f"crop{crop}" if crop else "", "video": f"frames{frames}" if frames else "",
              "audio": f"seconds{seconds:g}" if seconds else ""}[suite]
    stem = work / f"{sha[:24]}{limits}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    described = stem.with_name(stem.name + ".json")
    if described.exists():
        return Source(**{**json.loads(described.read_text()), "name": path.name})
    facts = {"images": _image, "video": _video, "audio": _audio}[suite](path, stem, frames, seconds, crop)
    source = Source(name=path.name, sha256=sha, limits=limits, **facts)
    described.write_text(json.dumps(asdict(source)))
    return source


def prepared(source, form, work):
    """Where prepare() put a form of a source."""
    return work / f"{source.sha256[:24]}{source.limits}.{form}"


def _with(stem, form):
    return stem.with_name(f"{stem.name}.{form}")


def _image(path, stem, frames, seconds, crop):
    pixels = read_rgb(path)
    if crop:
        top, left = max(0, (pixels.shape[0] - crop) // 2), max(0, (pixels.shape[1] - crop) // 2)
        pixels = pixels[top:top + crop, left:left + crop]
    for form in ("png", "ppm"):
        Image.fromarray(pixels).save(_with(stem, form))
    return {"width": pixels.shape[1], "height": pixels.shape[0]}


def _ffmpeg(path, options, out):
    command = ["ffmpeg", "-v", "error", "-y", "-i", path, *options, out]
    try:
        process.run(command, _with(out.with_suffix(""), "log"))
    except process.CommandError as e:
        raise MediaError(f"{path.name}: {e}") from None


def _video(path, stem, frames, seconds, crop):
    out = _with(stem, "y4m")
    limit = ["-frames:v", str(frames)] if frames else []
    # -strict -1 lets the muxer keep what it is given; the pixel format is fixed here once for all codecs.
    _ffmpeg(path, ["-an", *limit, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"], out)
    with Y4M(out) as video:
        count = sum(1 for _ in video)
        if count == 0:
            raise MediaError(f"{path.name}: no frames")
        return {"width": video.width, "height": video.height, "frames": count, "fps": video.fps}


def _audio(path, stem, frames, seconds, crop):
    out = _with(stem, "wav")
    limit = ["-t", f"{seconds:g}"] if seconds else []
    _ffmpeg(path, ["-vn", *limit, "-map_metadata", "-1", "-fflags", "+bitexact", "-c:a", "pcm_s16le"], out)
    samples, rate = read_wav(out)
    if len(samples) == 0:
        raise MediaError(f"{path.name}: no samples")
    return {"rate": rate, "channels": samples.shape[1], "samples": len(samples)}


def read_wav(path):
    """A 16-bit PCM WAV file -> (float array (samples, channels) in -1..1, samples per second)"""
    try:
        with wave.open(str(path), "rb") as f:
            if f.getsampwidth() != 2:
                raise MediaError(f"{Path(path).name}: not 16-bit PCM")
            data = np.frombuffer(f.readframes(f.getnframes()), dtype="<i2").reshape(-1, f.getnchannels())
            return data.astype(np.float64) / 32768.0, f.getframerate()
    except (OSError, EOFError, wave.Error, ValueError) as e:
        raise MediaError(f"{Path(path).name}: {e}") from None


class Y4M:
    """Reads YUV4MPEG2 files with 8-bit 4:2:0; iterating gives (Y, Cb, Cr) as uint8 arrays."""

    def __init__(self, path):
        self.name = Path(path).name
        self.file = open(path, "rb")
        try:
            self._header()
        except MediaError:
            self.file.close()
            raise

    def _header(self):
        header = self.file.readline(256).decode("ascii", "replace").split()
        if not header or header[0] != "YUV4MPEG2":
            raise MediaError(f"{self.name}: not a YUV4MPEG2 file")
        tags = {part[0]: part[1:] for part in header[1:]}
        try:
            self.width, self.height = int(tags["W"]), int(tags["H"])
            rate, scale = tags.get("F", "25:1").split(":")
            self.fps = int(rate) / int(scale)
        except (KeyError, ValueError, ZeroDivisionError):
            raise MediaError(f"{self.name}: damaged header") from None
        if not tags.get("C", "420jpeg").startswith("420") or "p1" in tags.get("C", ""):
            raise MediaError(f"{self.name}: C{tags['C']}, not 8-bit 4:2:0")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __iter__(self):
        cw, ch = (self.width + 1) // 2, (self.height + 1) // 2
        shapes = [(self.height, self.width), (ch, cw), (ch, cw)]
        size = sum(h * w for h, w in shapes)
        while line := self.file.readline(256):
            if not line.startswith(b"FRAME"):
                raise MediaError(f"{self.name}: damaged frame header")
            data = np.frombuffer(self.file.read(size), dtype=np.uint8)
            if data.size != size:
                raise MediaError(f"{self.name}: cut short")
            planes, at = [], 0
            for h, w in shapes:
                planes.append(data[at:at + h * w].reshape(h, w))
                at += h * w
            yield planes
