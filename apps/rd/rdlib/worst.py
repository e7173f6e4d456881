"""Worst cases: the files on which a codec loses most against the anchor, with crops for looking.

For each such file the codecs are compared near one rate, and every codec's decoded crop shows the same place: where
the codec in question errs most. The coded files in OUT/streams are decoded again for this.
"""

import base64
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from . import curves, media, process
from .codecs import fill

CROP = 256          # pixels
CASES_PER_CODEC = 3
MAX_CASES = 9


def ranking(results, anchor, metric):
    """[(loss in percent, codec, file)] with the worst files of each codec against the anchor."""
    out = []
    for codec in results.names():
        if codec == anchor:
            continue
        losses = []
        for name in results.files:
            d = curves.delta(results.file_curve(anchor, metric.key, name),
                             results.file_curve(codec, metric.key, name), metric)
            if "pchip" in d:
                losses.append((d["pchip"], codec, name))
        out.append(sorted(losses, reverse=True)[:CASES_PER_CODEC])
    # The codecs in turn, so that a limit on the number of cases leaves each its worst file.
    turns = [case for row in range(CASES_PER_CODEC) for case in (o[row] for o in out if row < len(o))]
    return turns[:MAX_CASES]


def nearest(results, codec, name, rate):
    """The point of a file whose rate is nearest to a given one, on a logarithmic scale."""
    points = [p for (c, _, f), p in results.by.items() if c == codec and f == name]
    return min(points, key=lambda p: abs(np.log(p["rate"] / rate)), default=None)


def target_rate(results, codec, name):
    """A middling rate of a codec on a file: the geometric mean of its lowest and highest, pulled down to where
    differences show."""
    rates = sorted(p["rate"] for (c, _, f), p in results.by.items() if c == codec and f == name)
    return float(np.exp(0.65 * np.log(rates[0]) + 0.35 * np.log(rates[-1])))


class Decoder:
    """Decodes points of a run again, through the codec's own decoder."""

    def __init__(self, results, folder):
        self.results, self.folder = results, Path(folder)
        self.codecs = {c["name"]: c for c in results.codecs}
        self.files = {f["name"]: f for f in results.run["files"]}

    def __call__(self, point):
        """-> path of the decoded file, or None when it cannot be had any more"""
        codec, source = self.codecs[point["codec"]], self.files[point["file"]]
        stream = self.results.folder / "streams" / point["stream"]
        out = self.folder / f"{point['key']}.{codec['output']}"
        settings = self.results.run["settings"]
        values = {**source, "q": point["q"], "in": str(stream), "out": str(out), "threads": settings["threads"],
                  "intra": settings["intra_period"]}
        try:
            process.run(fill(codec["decode_command"], values), self.folder / "log")
        except process.CommandError:
            return None
        return out if out.exists() else None

    def original(self, name):
        source = self.files[name]
        form = {"images": "png", "video": "y4m", "audio": "wav"}[self.results.suite]
        path = self.results.folder / "work" / f"{source['sha256'][:24]}{source['limits']}.{form}"
        return path if path.exists() else None


def frame_rgb(path, number):
    """One frame of a Y4M file as RGB: BT.709 from 720 lines on, else BT.601, limited range."""
    with media.Y4M(path) as video:
        for i, (y, cb, cr) in enumerate(video):
            if i == number:
                break
    kr, kb = (0.2126, 0.0722) if y.shape[0] >= 720 else (0.299, 0.114)
    h, w = y.shape
    cb, cr = (np.kron(p, np.ones((2, 2), np.uint8))[:h, :w].astype(float) - 128 for p in (cb, cr))
    luma = (y.astype(float) - 16) * 255 / 219
    cb, cr = cb * 255 / 224, cr * 255 / 224
    r, b = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.stack([r, g, b], axis=-1) + 0.5, 0, 255).astype(np.uint8)


def spectrogram(path, seconds=4.0):
    """The first seconds of a WAV file as a picture: time to the right, frequency up, -90..0 dB, grey to warm."""
    from .metrics_audio import _spectrum
    samples, rate = media.read_wav(path)
    magnitude = _spectrum(samples.mean(axis=1)[:int(seconds * rate)], 1024)
    level = np.clip(20 * np.log10(np.maximum(magnitude / 256, 1e-5)) / 90 + 1, 0, 1)[::-1]
    from matplotlib import colormaps
    picture = (colormaps["magma"](level)[..., :3] * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(picture).resize((640, 256), Image.Resampling.BILINEAR))


def window(error, size):
    """Top left corner of the size x size window with the largest summed error, on a grid of 16 pixels."""
    h, w = error.shape
    size_y, size_x = min(size, h), min(size, w)
    total = np.pad(error.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    ys, xs = np.arange(0, h - size_y + 1, 16), np.arange(0, w - size_x + 1, 16)
    sums = (total[ys[:, None] + size_y, xs + size_x] - total[ys[:, None], xs + size_x]
            - total[ys[:, None] + size_y, xs] + total[ys[:, None], xs])
    y, x = np.unravel_index(np.argmax(sums), sums.shape)
    return int(ys[y]), int(xs[x]), size_y, size_x


def data_uri(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def psnr_of(a, b):
    mse = np.mean((a.astype(float) - b) ** 2)
    return float(10 * np.log10(255**2 / mse)) if mse > 0 else 100.0


def cases(results, anchor, metric):
    """-> [{codec, file, loss, rate, place, views: [{label, image, rate, q, metrics, crop_psnr}]}]"""
    out = []
    with tempfile.TemporaryDirectory(prefix="rd-") as folder:
        decode = Decoder(results, folder)
        for loss, codec, name in ranking(results, anchor, metric):
            original = decode.original(name)
            rate = target_rate(results, codec, name)
            points = [p for p in (nearest(results, c, name, rate) for c in results.names()) if p]
            own = next((p for p in points if p["codec"] == codec), None)
            if original is None or own is None:
                continue
            case = _case(results, decode, original, own, points)
            if case:
                out.append({"codec": codec, "file": name, "loss": loss, "rate": own["rate"], **case})
            for path in Path(folder).iterdir():
                path.unlink()
    return out


def _case(results, decode, original, own, points):
    if results.suite == "audio":
        views = [{"label": "Original", "image": data_uri(spectrogram(original))}]
        for p in points:
            if path := decode(p):
                views.append(_view(results, p, data_uri(spectrogram(path)), None))
        return {"place": "first 4 s", "views": views}
    if results.suite == "video":
        number = int(np.argmin([f["psnr_y"] for f in own["frames"]]))
        read = lambda path: frame_rgb(path, number)
    else:
        number, read = None, media.read_rgb
    decoded = {p["codec"]: path for p in points if (path := decode(p))}
    if own["codec"] not in decoded:
        return None
    source, mine = read(original), read(decoded[own["codec"]])
    y, x, h, w = window(((source.astype(float) - mine) ** 2).sum(axis=2), CROP)
    cut = lambda pixels: pixels[y:y + h, x:x + w]
    views = [{"label": "Original", "image": data_uri(cut(source))}]
    for p in points:
        if p["codec"] in decoded:
            pixels = cut(read(decoded[p["codec"]]))
            views.append(_view(results, p, data_uri(pixels), psnr_of(cut(source), pixels)))
    place = f"{w} x {h} pixels at ({x}, {y})" + (f" of frame {number}" if number is not None else "")
    return {"place": place, "views": views}


def _view(results, point, image, crop_psnr):
    label = next(c["label"] for c in results.codecs if c["name"] == point["codec"])
    return {"label": label, "codec": point["codec"], "image": image, "rate": point["rate"], "q": point["q"],
            "metrics": {k: round(v, 4) for k, v in point["metrics"].items()}, "crop_psnr": crop_psnr}
