"""Bjontegaard deltas between two rate-distortion curves.

BD-rate: mean difference of log rate over the quality range that both curves cover, as a percentage of the anchor's
rate; negative means fewer bits than the anchor. BD-quality (BD-PSNR when the metric is PSNR): mean difference of
quality over the common range of log rate, in the metric's unit.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001. Interpolation by PCHIP
(F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5(2), 1984) or Akima (H. Akima, J. ACM 17(4), 1970); see
C. Herglotz et al., "The Bjontegaard Bible", IEEE Trans. Image Process. 2024, for why not the original cubic fit.
The results agree with that paper's package `bjontegaard` (tests/rd/test_bd.py).
"""

from dataclasses import dataclass

import numpy as np


class CurveError(ValueError):
    """Curves that cannot be compared."""


@dataclass(frozen=True)
class Delta:
    """One comparison. `overlap` is the common range over the union of both ranges, 0..1."""

    value: float  # percent for BD-rate, the metric's unit for BD-quality
    low: float    # the common range: of quality for BD-rate, of rate for BD-quality
    high: float
    overlap: float


class Piecewise:
    """Piecewise cubic through (x, y) with the given slopes at the knots; x strictly increasing."""

    def __init__(self, x, y, slopes):
        h = np.diff(x)
        secant = np.diff(y) / h
        self.x = x
        # y + c1 s + c2 s^2 + c3 s^3 with s = t - x[i]
        self.c = np.stack([y[:-1], slopes[:-1], (3 * secant - 2 * slopes[:-1] - slopes[1:]) / h,
                           (slopes[:-1] + slopes[1:] - 2 * secant) / h**2])
        full = sum(self.c[k] * h ** (k + 1) / (k + 1) for k in range(4))
        self.area = np.concatenate([[0.0], np.cumsum(full)])

    def _locate(self, t):
        i = np.clip(np.searchsorted(self.x, t, side="right") - 1, 0, len(self.x) - 2)
        return i, t - self.x[i]

    def __call__(self, t):
        i, s = self._locate(np.asarray(t, dtype=float))
        c = self.c[:, i]
        return c[0] + s * (c[1] + s * (c[2] + s * c[3]))

    def integral(self, low, high):
        def up_to(t):
            i, s = self._locate(t)
            return self.area[i] + sum(self.c[k, i] * s ** (k + 1) / (k + 1) for k in range(4))
        return float(up_to(high) - up_to(low))


def pchip(x, y):
    """Monotone piecewise cubic: weighted harmonic mean of the secants, three-point formula at the ends."""
    h, n = np.diff(x), len(x)
    d = np.diff(y) / h
    if n == 2:
        return Piecewise(x, y, np.array([d[0], d[0]]))
    slopes = np.zeros(n)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    same = d[:-1] * d[1:] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes[1:-1] = np.where(same, (w1 + w2) / (w1 / d[:-1] + w2 / d[1:]), 0.0)

    def end(h0, h1, d0, d1):
        slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
        if np.sign(slope) != np.sign(d0):
            return 0.0
        return 3 * d0 if np.sign(d0) != np.sign(d1) and abs(slope) > 3 * abs(d0) else slope

    slopes[0] = end(h[0], h[1], d[0], d[1])
    slopes[-1] = end(h[-1], h[-2], d[-1], d[-2])
    return Piecewise(x, y, slopes)


def akima(x, y):
    """Akima's interpolation: each slope leans to the side where the secants change less."""
    d = np.diff(y) / np.diff(x)
    if len(x) == 2:
        return Piecewise(x, y, np.array([d[0], d[0]]))
    m = np.concatenate([[3 * d[0] - 2 * d[1], 2 * d[0] - d[1]], d, [2 * d[-1] - d[-2], 3 * d[-1] - 2 * d[-2]]])
    change = np.abs(np.diff(m))
    left, right = change[2:], change[:-2]
    total = left + right
    # Where both changes vanish the curve is locally straight on either side: the plain mean.
    flat = total <= 1e-9 * max(total.max(), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(flat, (m[3:] + m[:-3]) / 2, (left * m[1:-2] + right * m[2:-1]) / total)
    return Piecewise(x, y, slopes)


METHODS = {"pchip": pchip, "akima": akima}


def usable(rate, quality):
    """Sorted (rate, quality, dropped): the points at which more bits bring more quality.

    A point that costs more bits than another without being better is no part of any rate-distortion curve; such
    points are dropped and counted, so that the caller can report them.
    """
    points = sorted((float(r), float(q)) for r, q in zip(rate, quality, strict=True)
                    if np.isfinite(r) and np.isfinite(q) and r > 0)
    kept = []
    for r, q in points:
        if not kept or (r > kept[-1][0] and q > kept[-1][1] + 1e-9):
            kept.append((r, q))
    if len(kept) < 2:
        raise CurveError(f"{len(kept)} usable of {len(rate)} points; two are needed")
    r, q = np.array(kept).T
    return r, q, len(rate) - len(kept)


def _mean_gap(xa, ya, xt, yt, method):
    low, high = max(xa[0], xt[0]), min(xa[-1], xt[-1])
    if high <= low:
        raise CurveError(f"no overlap: {xa[0]:.4g}..{xa[-1]:.4g} and {xt[0]:.4g}..{xt[-1]:.4g}")
    overlap = (high - low) / (max(xa[-1], xt[-1]) - min(xa[0], xt[0]))
    make = METHODS[method]
    gap = make(xt, yt).integral(low, high) - make(xa, ya).integral(low, high)
    return gap / (high - low), low, high, overlap


def bd_rate(anchor_rate, anchor_quality, rate, quality, method="pchip"):
    """BD-rate of a curve against an anchor, percent; the range is in the quality's unit."""
    ra, qa, _ = usable(anchor_rate, anchor_quality)
    rt, qt, _ = usable(rate, quality)
    gap, low, high, overlap = _mean_gap(qa, np.log(ra), qt, np.log(rt), method)
    return Delta(float(np.expm1(gap) * 100), float(low), float(high), float(overlap))


def bd_quality(anchor_rate, anchor_quality, rate, quality, method="pchip"):
    """BD-PSNR (or the like) of a curve against an anchor; the range is in the rate's unit."""
    ra, qa, _ = usable(anchor_rate, anchor_quality)
    rt, qt, _ = usable(rate, quality)
    gap, low, high, overlap = _mean_gap(np.log(ra), qa, np.log(rt), qt, method)
    return Delta(float(gap), float(np.exp(low)), float(np.exp(high)), float(overlap))
