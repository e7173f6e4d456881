"""The regression guard: is a codec worse than it was?

A baseline holds the mean curves of chosen codecs on chosen files. Each is compared with the same codec in a new run;
more bits at equal quality than the margin allows is a failure.
"""

import json
from pathlib import Path

from . import bd, curves, metrics
from .cache import write_whole

FORMAT = 1


class BaselineError(ValueError):
    """A baseline that cannot be used, or not for these results."""


def make(results, margin, codecs=None, metric_keys=None):
    """The baseline of a run, as written to a file. margin: percent of BD-rate that a codec may lose."""
    chosen = codecs or results.names()
    unknown = set(chosen) - set(results.names())
    if unknown:
        raise BaselineError(f"not in these results: {', '.join(sorted(unknown))}")
    keys = metric_keys or [results.metrics[0].key]
    out = {"format": FORMAT, "suite": results.suite, "margin_percent": margin,
           "files": {f["name"]: f["sha256"] for f in results.run["files"]}, "codecs": {}}
    for codec in chosen:
        entry = {}
        for key in keys:
            rate, quality, _ = curves.mean_curve(results, codec, metrics.of(results.suite, key))
            if len(rate) < 2:
                raise BaselineError(f"{codec}: fewer than two complete points")
            entry[key] = {"rate": rate.tolist(), "quality": quality.tolist()}
        out["codecs"][codec] = entry
    return out


def write(path, baseline):
    write_whole(path, json.dumps(baseline, indent=1) + "\n")


def read(path):
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}, expected {FORMAT}")
        data["codecs"], data["files"], data["suite"], float(data["margin_percent"])
        return data
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BaselineError(f"{path}: not a usable baseline: {e}") from None


def compare(results, baseline, margin=None):
    """-> [(codec, metric label, BD-rate percent or None, "ok" | "worse" | "better" | why not comparable)]"""
    if baseline["suite"] != results.suite:
        raise BaselineError(f"the baseline is of the suite {baseline['suite']}, the results of {results.suite}")
    now = {f["name"]: f["sha256"] for f in results.run["files"]}
    if now != baseline["files"]:
        different = sorted(n for n in set(now) | set(baseline["files"]) if now.get(n) != baseline["files"].get(n))
        raise BaselineError(f"other files than in the baseline: {', '.join(different[:5])}"
                            + (" ..." if len(different) > 5 else ""))
    margin = float(baseline["margin_percent"] if margin is None else margin)
    rows = []
    for codec, entry in baseline["codecs"].items():
        for key, old in entry.items():
            metric = metrics.of(results.suite, key)
            if codec not in results.names():
                rows.append((codec, metric.label, None, "not in these results"))
                continue
            rate, quality, _ = curves.mean_curve(results, codec, metric)
            s = curves.sign(metric)
            try:
                d = bd.bd_rate(old["rate"], [s * v for v in old["quality"]], rate, s * quality)
            except (bd.CurveError, ValueError) as e:
                rows.append((codec, metric.label, None, f"not comparable: {e}"))
                continue
            verdict = "worse" if d.value > margin else "better" if d.value < -margin else "ok"
            rows.append((codec, metric.label, d.value, verdict))
    return rows
