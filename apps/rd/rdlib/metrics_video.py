"""Distortion of video, 8-bit 4:2:0 against 8-bit 4:2:0.

psnr_y, psnr_cb, psnr_cr   dB, mean of the frames' values.
psnr_yuv    dB, (6 Y + Cb + Cr) / 8 of the planes' values, mean over frames (JCT-VC common test conditions, DCVC).
ms_ssim     0..1, of the Y plane, mean over frames; ms_ssim_db as for images.
vmaf, xpsnr where ffmpeg has the filters libvmaf and xpsnr.
"""

import re
from functools import lru_cache

import numpy as np

from . import process
from .media import MediaError, Y4M
from .metrics_image import ms_ssim_plane, psnr, to_db

VERSION = 1
FILTERS = {"vmaf": "libvmaf", "xpsnr": "xpsnr"}


@lru_cache(maxsize=None)
def filters():
    """Which of the optional metrics this machine's ffmpeg has."""
    have = process.text_of(["ffmpeg", "-hide_banner", "-filters"]) or ""
    return tuple(name for name, filter_name in FILTERS.items() if re.search(rf" {filter_name} ", have))


def measure(original, decoded, log):
    """-> ({name: value}, [{psnr_y, psnr_yuv} of each frame])"""
    frames, planes, similar = [], [], []
    with Y4M(original) as source, Y4M(decoded) as result:
        if (source.width, source.height) != (result.width, result.height):
            raise MediaError(f"decoded video is {result.width} x {result.height}")
        others = iter(result)
        for number, a in enumerate(source):
            b = next(others, None)
            if b is None:
                raise MediaError(f"decoded video has {number} frames, fewer than the original")
            values = [psnr(np.mean((p.astype(np.float32) - q) ** 2, dtype=np.float64)) for p, q in zip(a, b)]
            planes.append(values)
            frames.append({"psnr_y": values[0], "psnr_yuv": (6 * values[0] + values[1] + values[2]) / 8})
            similar.append(ms_ssim_plane(a[0], b[0]))
        if next(others, None) is not None:
            raise MediaError("decoded video has more frames than the original")
    y, cb, cr = np.mean(planes, axis=0)
    out = {"psnr_yuv": float((6 * y + cb + cr) / 8), "psnr_y": float(y), "psnr_cb": float(cb), "psnr_cr": float(cr)}
    if similar[0] is not None:
        out["ms_ssim"] = float(np.mean(similar))
        out["ms_ssim_db"] = to_db(out["ms_ssim"])
    for name in filters():
        out[name] = _by_ffmpeg(name, original, decoded, log)
    return out, frames


def _by_ffmpeg(name, original, decoded, log):
    said = process.run(["ffmpeg", "-v", "info", "-nostats", "-i", decoded, "-i", original, "-lavfi",
                        f"[0:v][1:v]{FILTERS[name]}", "-f", "null", "-"], log).output
    pattern = {"vmaf": r"VMAF score: ([\d.]+)", "xpsnr": r"XPSNR\s+y: ([\d.]+)"}[name]
    found = re.search(pattern, said)
    if not found:
        raise MediaError(f"ffmpeg's {FILTERS[name]} printed no score")
    return float(found.group(1))


def _probe(coded, entries):
    try:
        return process.json_of(["ffprobe", "-v", "quiet", "-threads", "1", "-select_streams", "v:0", "-show_entries",
                                entries, "-of", "json", coded])[entries.split("=")[0] + "s"]
    except (ValueError, KeyError):
        return []


def frame_bits(coded):
    """(bits, I | P | B) of each frame of a coded file in the order of display, or [] when ffprobe cannot tell."""
    try:
        frames = [(8 * int(f.get("pkt_size", 0)), f.get("pict_type", "?"))
                  for f in _probe(coded, "frame=pkt_size,pict_type")]
        if all(bits for bits, _ in frames):
            return frames
        # The AV1 decoder does not pass sizes on. A packet of AV1 holds exactly one frame that is shown, in order.
        packets = [8 * int(p["size"]) for p in _probe(coded, "packet=size")]
    except (ValueError, KeyError):
        return []
    return [(bits, kind) for bits, (_, kind) in zip(packets, frames)] if len(packets) == len(frames) else []
