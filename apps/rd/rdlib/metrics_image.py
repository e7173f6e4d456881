"""Distortion of images, 8-bit RGB against 8-bit RGB.

psnr_rgb    dB; the mean squared error is taken over all three channels of one image (the convention of CompressAI and
            of most papers on learned coding); averages over files are means of these dB values.
psnr_y, psnr_cb, psnr_cr   dB; planes of BT.709 YCbCr, full range, not subsampled, not rounded.
ms_ssim     0..1, mean over R, G, B. Z. Wang, E. Simoncelli, A. Bovik, "Multi-scale structural similarity for image
            quality assessment", Asilomar 2003; the five scales need 161 pixels on the short side.
ms_ssim_db  -10 log10(1 - ms_ssim), the scale on which curves and BD-rates are computed.
ssimulacra2 up to 100; the package `ssimulacra2`.
lpips       distance, lower is better; only when weights are given (lpips.py).
"""

import numpy as np
from scipy.ndimage import correlate1d

from .media import MediaError, read_rgb

PSNR_CAP = 100.0  # dB, shown for identical pictures
WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
WINDOW = np.exp(-(np.arange(11) - 5.0) ** 2 / (2 * 1.5**2))
WINDOW /= WINDOW.sum()
MIN_SIDE = 161
VERSION = 1  # of the definitions here; part of the cache key

BT709 = np.array([[0.2126, 0.7152, 0.0722],
                  [-0.2126 / 1.8556, -0.7152 / 1.8556, 0.5],
                  [0.5, -0.7152 / 1.5748, -0.0722 / 1.5748]])


def psnr(mse, peak=255.0):
    """dB of a mean squared error."""
    return PSNR_CAP if mse <= 0 else min(PSNR_CAP, float(10 * np.log10(peak**2 / mse)))


def _blur(plane):
    """Gaussian of 11 taps, sigma 1.5, only where the whole window lies inside."""
    out = correlate1d(correlate1d(plane, WINDOW, axis=0), WINDOW, axis=1)
    return out[5:-5, 5:-5]


def ms_ssim_plane(a, b, peak=255.0):
    """MS-SSIM of one plane, or None when it is too small for five scales."""
    if min(a.shape) < MIN_SIDE:
        return None
    a, b = a.astype(np.float32), b.astype(np.float32)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    parts = []
    for scale in range(len(WEIGHTS)):
        ma, mb = _blur(a), _blur(b)
        va, vb, cov = _blur(a * a) - ma * ma, _blur(b * b) - mb * mb, _blur(a * b) - ma * mb
        contrast = (2 * cov + c2) / (va + vb + c2)
        if scale == len(WEIGHTS) - 1:
            contrast = contrast * (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
        parts.append(max(float(contrast.mean(dtype=np.float64)), 0.0))
        h, w = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
        a, b = (p[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)) for p in (a, b))
    return float(np.prod(np.array(parts) ** WEIGHTS))


def to_db(score):
    """Similarity in 0..1 on a logarithmic scale: 0.9 -> 10, 0.99 -> 20."""
    return float(-10 * np.log10(max(1 - score, 1e-10)))


def measure(original, decoded, lpips=None):
    """All image metrics of two files. -> {name: value}; a metric that cannot be computed is left out."""
    a, b = read_rgb(original), read_rgb(decoded)
    if a.shape != b.shape:
        raise MediaError(f"decoded picture is {b.shape[1]} x {b.shape[0]}, not {a.shape[1]} x {a.shape[0]}")
    error = a.astype(np.float64) - b
    out = {"psnr_rgb": psnr(np.mean(error**2))}
    for name, row in zip(("psnr_y", "psnr_cb", "psnr_cr"), BT709, strict=True):
        out[name] = psnr(np.mean((error @ row) ** 2))
    scores = [ms_ssim_plane(a[..., c], b[..., c]) for c in range(3)]
    if scores[0] is not None:
        out["ms_ssim"] = float(np.mean(scores))
        out["ms_ssim_db"] = to_db(out["ms_ssim"])
    from ssimulacra2 import compute_ssimulacra2
    if min(a.shape[:2]) >= 8:
        out["ssimulacra2"] = float(compute_ssimulacra2(str(original), str(decoded)))
    if lpips is not None and min(a.shape[:2]) >= lpips.MIN_SIDE:
        out["lpips"] = lpips(a, b)
    return out
