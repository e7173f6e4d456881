"""From points to curves: means over files, confidence intervals, deltas between codecs.

A codec's curve is the mean rate and the mean quality over all files at each quality setting (the convention of the
published Kodak figures). Only settings at which every file of the run has a result count, so that all curves are
means over the same files.

Confidence: bootstrap over files (B. Efron, 1979), 95 %, percentile method. The band around a curve shows how far the
mean would move with other files of the kind; the interval of a BD-rate draws the same files for both codecs (paired),
so it is much tighter than the bands suggest.
"""

import json
from pathlib import Path

import numpy as np

from . import bd, metrics
from .cache import Cache

RESAMPLES = 200
BAND_POINTS = 40


class ResultsError(ValueError):
    """A folder that holds no results of a run."""


class Results:
    def __init__(self, folder):
        self.folder = Path(folder)
        try:
            self.run = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            self.suite = self.run["suite"]
        except (OSError, ValueError, KeyError) as e:
            raise ResultsError(f"{folder}: no results of rd.py run ({e})") from None
        cache = Cache(self.folder / "points.jsonl")
        cache.close()
        self.points = [cache.get(k) for k in self.run["points"] if k in cache]
        self.timings = [cache.get(k) for k in self.run["timings"] if k in cache]
        self.missing = len(self.run["points"]) - len(self.points)
        self.missing_timings = len(self.run["timings"]) - len(self.timings)
        self.files = [f["name"] for f in self.run["files"]]
        self.codecs = self.run["codecs"]
        self.by = {(p["codec"], p["q"], p["file"]): p for p in self.points}
        self.metrics = [m for m in metrics.SUITES[self.suite]
                        if any(m.key in p["metrics"] for p in self.points)]

    def names(self):
        return [c["name"] for c in self.codecs]

    def table(self, codec, metric):
        """Rates and qualities of a codec, both (files, settings), and the settings that every file has."""
        settings = [q for q in next(c for c in self.codecs if c["name"] == codec)["qualities"]
                    if all(metric in self.by.get((codec, q, f), {"metrics": {}})["metrics"] for f in self.files)]
        shape = (len(self.files), len(settings))
        rate = np.array([[self.by[codec, q, f]["rate"] for q in settings] for f in self.files]).reshape(shape)
        quality = np.array([[self.by[codec, q, f]["metrics"][metric] for q in settings]
                            for f in self.files]).reshape(shape)
        return rate, quality, settings

    def file_curve(self, codec, metric, name):
        """Rates and qualities of one file, at the settings that it has."""
        settings = next(c for c in self.codecs if c["name"] == codec)["qualities"]
        found = [self.by.get((codec, q, name)) for q in settings]
        found = [p for p in found if p and metric in p["metrics"]]
        return [p["rate"] for p in found], [p["metrics"][metric] for p in found]


def sign(metric):
    """Distances are negated, so that more is better everywhere."""
    return 1 if metric.higher else -1


def draw(files, seed=1):
    """Bootstrap weights, (resamples, files): how often each file was drawn, over the number of files."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(files, np.full(files, 1 / files), size=RESAMPLES) / files


def band(rate, quality, weights, metric):
    """95 % band of a mean curve. -> (rates, low, high) or None when there are too few files"""
    if rate.shape[0] < 3 or rate.shape[1] < 2:
        return None
    mean = rate.mean(axis=0)
    grid = np.linspace(np.log(mean.min()), np.log(mean.max()), BAND_POINTS)
    rows = []
    for w in weights:
        try:
            r, q, _ = bd.usable(w @ rate, sign(metric) * metric.average(quality, w))
        except bd.CurveError:
            continue
        curve = bd.pchip(np.log(r), q)
        inside = (grid >= np.log(r[0])) & (grid <= np.log(r[-1]))
        rows.append(np.where(inside, curve(grid), np.nan))
    if len(rows) < 20:
        return None
    # Near the ends not every resampled curve reaches; the band stops where fewer than four fifths do.
    reached = np.isfinite(rows).mean(axis=0) >= 0.8
    low, high = np.sort(sign(metric) * np.nanpercentile(np.array(rows)[:, reached], (2.5, 97.5), axis=0), axis=0)
    grid = grid[reached]
    return np.exp(grid), low, high


def mean_curve(results, codec, metric):
    """-> (rates, qualities, settings), means over files"""
    rate, quality, settings = results.table(codec, metric.key)
    if not settings or not len(rate):
        return np.array([]), np.array([]), []
    equal = np.full(len(rate), 1 / len(rate))
    return equal @ rate, metric.average(quality, equal), settings


def delta(anchor, test, metric):
    """BD-rate by both methods and BD-quality between two (rates, qualities). -> dict, or {"why": ...}"""
    s = sign(metric)
    (ra, qa), (rt, qt) = ((np.asarray(r), s * np.asarray(q)) for r, q in (anchor, test))
    try:
        by = bd.bd_rate(ra, qa, rt, qt)
        out = {"pchip": by.value, "akima": bd.bd_rate(ra, qa, rt, qt, "akima").value, "low": s * by.low,
               "high": s * by.high, "overlap": by.overlap}
        if not metric.higher:
            out["low"], out["high"] = out["high"], out["low"]
    except bd.CurveError as e:
        return {"why": str(e)}
    try:
        out["quality"] = s * bd.bd_quality(ra, qa, rt, qt).value
    except bd.CurveError:
        out["quality"] = None  # same quality reached, but at no common rate
    return out


def interval(anchor, test, weights, metric):
    """Paired 95 % interval of the BD-rate of `test`: tables (rate, quality) of the same files.
    -> (low, high) or None"""
    if anchor[0].shape[0] < 3:
        return None
    s, values = sign(metric), []
    for w in weights:
        try:
            (ra, qa), (rt, qt) = ((w @ rate, s * metric.average(quality, w)) for rate, quality in (anchor, test))
            values.append(bd.bd_rate(ra, qa, rt, qt).value)
        except bd.CurveError:
            continue
    if len(values) < len(weights) / 2:
        return None
    return tuple(float(v) for v in np.percentile(values, (2.5, 97.5)))


def not_monotonic(results):
    """Sentences about codecs whose mean curve has points that cost more without being better."""
    out = []
    metric = results.metrics[0] if results.metrics else None
    for codec in results.names() if metric else []:
        rate, quality, settings = mean_curve(results, codec, metric)
        if len(settings) < 2:
            continue
        try:
            dropped = bd.usable(rate, sign(metric) * quality)[2]
        except bd.CurveError as e:
            out.append({"kind": "unusable curve", "where": codec, "text": str(e)})
            continue
        if dropped:
            out.append({"kind": "non-monotonic points", "where": codec,
                        "text": f"{dropped} of {len(settings)} points cost more bits without better {metric.label}; "
                                "they are drawn, but left out of BD-rates"})
    return out
