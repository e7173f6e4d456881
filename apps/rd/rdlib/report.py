"""The page: one HTML file that holds data, style and script, and fetches nothing; and plots for papers.

report.html, summary.json (the same figures for other programs), plots/*.svg and *.png.
"""

import json
import math
import time
from pathlib import Path

import numpy as np

from . import bd, codecs, curves, plots, worst
from .cache import write_whole

PAGE = Path(__file__).parent / "page"
LINE_POINTS = 60
# What times are divided by, so that files of different size can be averaged.
TIME_UNIT = {"images": "s/Mpx", "video": "s/frame", "audio": "s/s"}
PREFERRED_ANCHORS = ("jpeg", "x264", "mp3")


def write(results, anchor=None, crops=True):
    """Writes everything into the folder of the results. -> (path of the page, problems found on the way)"""
    names = results.names()
    if anchor is not None and anchor not in names:
        raise curves.ResultsError(f"--anchor {anchor}: not in these results ({', '.join(names)})")
    anchor = anchor or next((a for a in PREFERRED_ANCHORS if a in names), names[0] if names else None)
    data = assemble(results, anchor, crops)
    summary = {k: data[k] for k in ("suite", "data", "anchor", "codecs", "metrics", "curves", "bd", "machine")}
    write_whole(results.folder / "summary.json", json.dumps(summary, indent=1))
    plots.write(results, data, results.folder / "plots")
    path = results.folder / "report.html"
    write_whole(path, page(data))
    found = data["problems"][len(results.run["problems"]):]
    return path, [p for p in found if p["kind"] != "note"]


def page(data):
    # "</" would end the script element; inside JSON strings "<\/" means the same.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    parts = {"TITLE": f"{data['data']}: rate-distortion", "STYLE": (PAGE / "style.css").read_text(encoding="utf-8"),
             "SCRIPT": "\n".join((PAGE / n).read_text(encoding="utf-8") for n in ("chart.js", "page.js")),
             "DATA": text}
    out = (PAGE / "page.html").read_text(encoding="utf-8")
    for key, value in parts.items():
        out = out.replace(f"@{key}@", value if key != "TITLE" else value.replace("<", "&lt;"), 1)
    return out


def clean(value, digits=6):
    """Numbers for JSON: rounded to significant digits; NaN and infinities become null."""
    if isinstance(value, dict):
        return {k: clean(v, digits) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [clean(v, digits) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def assemble(results, anchor, crops):
    run = results.run
    problems = list(run["problems"])
    if results.missing:
        problems.append({"kind": "missing points", "where": "run", "text":
                         f"{results.missing} of {len(run['points'])} points have no result; curves use the settings "
                         "that all files have"})
    problems += curves.not_monotonic(results)
    everything = {m.key: series(results, m) for m in results.metrics}
    deltas = {m.key: matrix(results, m, everything[m.key]) for m in results.metrics}
    problems += apart(results, deltas, anchor)
    if run["published"] and not is_kodak(run["files"]):
        problems.append({"kind": "note", "where": "published points",
                         "text": "the published points are means over the 24 Kodak pictures; this run has other files"})
    found = worst.cases(results, anchor, results.metrics[0]) if crops and anchor and results.metrics else []
    return clean({
        "suite": results.suite, "data": run["data"], "rate_unit": codecs.RATE_UNIT[results.suite],
        "time_unit": TIME_UNIT[results.suite],
        "finished": time.strftime("%Y-%m-%d %H:%M", time.gmtime(run["finished"])),
        "anchor": anchor, "files": [{k: v for k, v in f.items() if k != "sha256"} for f in run["files"]],
        "codecs": [{k: v for k, v in c.items() if k != "decode_command"} | speed(results, c["name"])
                   for c in run["codecs"]],
        "published": [{k: v for k, v in p.items() if k not in ("rate", "curves")} for p in run["published"]],
        "metrics": [vars(m) for m in results.metrics], "curves": everything, "bd": deltas,
        "file_bd": {m.key: per_file(results, m) for m in results.metrics}, "points": points(results),
        "cases": found, "frames": frames(results), "problems": problems, "machine": run["machine"],
        "settings": run["settings"], "resamples": curves.RESAMPLES,
    })


def is_kodak(files):
    return len(files) == 24 and all("kodim" in f["name"].lower() for f in files)


def series(results, metric):
    """The curves of one metric: measured ones with bands, then published ones."""
    out = []
    weights = curves.draw(len(results.files)) if results.files else None
    for codec in results.codecs:
        rate, quality, settings = curves.mean_curve(results, codec["name"], metric)
        if not settings:
            continue
        table = results.table(codec["name"], metric.key)
        band = curves.band(*table[:2], weights, metric)
        if band is not None:
            band = np.stack(band, axis=1)
        out.append({"id": codec["name"], "label": codec["label"], "published": False,
                    "points": list(zip(rate, quality, settings)), "line": line(rate, quality, metric), "band": band})
    for entry in results.run["published"]:
        if metric.key in entry["curves"]:
            quality = entry["curves"][metric.key]
            pairs = sorted(zip(entry["rate"], quality))
            out.append({"id": f"published:{entry['name']}", "label": entry["label"], "published": True,
                        "points": [(r, q, "") for r, q in pairs],
                        "line": line(*np.array(pairs).T, metric), "band": None})
    return out


def line(rate, quality, metric):
    """The PCHIP curve that the BD-rate integrates, sampled; straight lines when there is none."""
    s = curves.sign(metric)
    try:
        r, q, dropped = bd.usable(rate, s * np.asarray(quality))
    except bd.CurveError:
        return sorted(zip(rate, quality))
    if dropped:
        return sorted(zip(rate, quality))
    grid = np.union1d(np.linspace(q[0], q[-1], LINE_POINTS), q)
    return list(zip(np.exp(bd.pchip(q, np.log(r))(grid)), s * grid))


def matrix(results, metric, everything):
    """{anchor: {test: delta}} over all curves of a metric."""
    curve_of = {s["id"]: tuple(np.array([p[:2] for p in s["points"]]).T) for s in everything}
    tables = {n: results.table(n, metric.key) for n in results.names()}
    weights = curves.draw(len(results.files))[:100] if results.files else None
    out = {}
    for a, anchor in curve_of.items():
        out[a] = {}
        for t, test in curve_of.items():
            if a == t:
                continue
            entry = curves.delta(anchor, test, metric)
            if "pchip" in entry and a in tables and t in tables:
                entry["interval"] = curves.interval(tables[a][:2], tables[t][:2], weights, metric)
            out[a][t] = entry
    return out


def apart(results, deltas, anchor):
    """Problems: measured curves that cannot be compared with the anchor in the first metric."""
    out = []
    for metric in results.metrics[:1]:
        for codec, entry in deltas[metric.key].get(anchor, {}).items():
            if "why" in entry:
                out.append({"kind": "not comparable", "where": f"{codec} with {anchor}",
                            "text": f"{metric.label}: {entry['why']}"})
    return out


def per_file(results, metric):
    """{anchor: {test: [BD-rate of each file]}}"""
    curve_of = {(c, f): results.file_curve(c, metric.key, f) for c in results.names() for f in results.files}
    return {a: {t: [curves.delta(curve_of[a, f], curve_of[t, f], metric).get("pchip") for f in results.files]
                for t in results.names() if t != a} for a in results.names()}


def amount(file, suite):
    """What the times of a file are divided by (TIME_UNIT)."""
    return {"images": file["width"] * file["height"] / 1e6, "video": file["frames"],
            "audio": file["samples"] / max(file["rate"], 1)}[suite]


def speed(results, codec):
    """Mean times a unit, peak memory and complexity of a codec."""
    per = {f["name"]: amount(f, results.suite) for f in results.run["files"]}
    timed = [t for t in results.timings if t["codec"] == codec]
    out = {}
    for key in ("encode_s", "decode_s", "encode_inside_s", "decode_inside_s"):
        values = [t[key] / per[t["file"]] for t in timed if key in t]
        out[key] = float(np.mean(values)) if values else None
    for key in ("encode_kib", "decode_kib"):
        values = [t[key] for t in timed if key in t]
        out[key.replace("kib", "mib")] = max(values) / 1024 if values else None
    kmac = [p["kmac"] for p in results.points if p["codec"] == codec and p.get("kmac")]
    return out | {"kmac": float(np.mean(kmac)) if kmac else None}


def points(results):
    """All points as rows: codec and file as indices, q, rate, the metrics in order, encode and decode seconds."""
    names = results.names()
    timed = {(t["codec"], t["q"], t["file"]): t for t in results.timings}
    rows = []
    for p in results.points:
        t = timed.get((p["codec"], p["q"], p["file"]), {})
        rows.append([names.index(p["codec"]), results.files.index(p["file"]), p["q"], p["rate"],
                     *(p["metrics"].get(m.key) for m in results.metrics), t.get("encode_s"), t.get("decode_s")])
    return rows


def frames(results):
    """Video: for each codec, quality and file the bits, PSNR Y and type of every frame."""
    if results.suite != "video":
        return []
    return [{"codec": p["codec"], "q": p["q"], "file": p["file"],
             "frames": [[f.get("bits"), f["psnr_y"], f.get("type", "")] for f in p["frames"]]}
            for p in results.points]
