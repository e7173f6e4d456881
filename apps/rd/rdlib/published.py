"""Rate-distortion points from papers and repositories, shown beside what is measured here.

A file is a JSON object {name: {"bpp": [...], "psnr": [...], "ms_ssim": [...], "source": "...", "footing": "..."}};
"decode_kmac_per_pixel" (thousand multiply-accumulates of the decoder) is optional, and complexity.json holds it for
some well-known names.
"""

import json
import math
from pathlib import Path

from .metrics_image import to_db

# Shown when the user names none: the field's anchors and one or two codecs of each kind.
USUAL = ("vtm_18.0_intra", "bpg_444", "mlic++", "paper_elic2022_mse", "evc_SS",
         "bmshj2018-hyperprior", "cool-chic_v5.0")
LABELS = {"vtm_18.0_intra": "VTM-18.0 intra", "vtm_9.1_intra": "VTM-9.1 intra", "bpg_444": "BPG 4:4:4",
          "mlic++": "MLIC++", "paper_elic2022_mse": "ELIC", "evc_SS": "EVC-S",
          "bmshj2018-hyperprior": "Hyperprior 2018", "cool-chic_v5.0": "Cool-chic 5.0"}
COMPLEXITY = Path(__file__).parent.parent / "complexity.json"


class PublishedError(ValueError):
    """A file of published points that cannot be used."""


def load(path, names=None):
    """-> ([{name, label, source, footing, rate, curves {metric: [...]}, kmac}], [problem, ...])

    names: list of entries, ["all"], or None for the usual ones.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as e:
        raise PublishedError(f"{path}: {e}") from None
    known = json.loads(COMPLEXITY.read_text(encoding="utf-8"))
    problems = []
    if names is None:
        names = [n for n in USUAL if n in data] or list(data)
    elif names == ["all"]:
        names = list(data)
    entries = []
    for name in names:
        if name not in data:
            problems.append(f"{Path(path).name} has no entry '{name}'")
            continue
        try:
            entries.append(_entry(name, data[name], known))
        except (KeyError, TypeError, ValueError) as e:
            problems.append(f"{Path(path).name}: '{name}' is not usable: {e}")
    return entries, problems


def _entry(name, entry, known):
    rate = [float(r) for r in entry["bpp"]]
    if not rate or not all(math.isfinite(r) and r > 0 for r in rate):
        raise ValueError("bpp must be positive numbers")
    curves = {}
    for key, metric, convert in (("psnr", "psnr_rgb", float), ("ms_ssim", "ms_ssim_db", to_db)):
        values = entry.get(key)
        if values is None:
            continue
        if len(values) != len(rate):
            raise ValueError(f"{len(values)} values of {key} for {len(rate)} of bpp")
        curves[metric] = [convert(v) for v in values]
    if not curves:
        raise ValueError("neither psnr nor ms_ssim")
    kmac = entry.get("decode_kmac_per_pixel", known.get(name, {}).get("decode_kmac_per_pixel"))
    return {"name": name, "label": LABELS.get(name, name), "source": entry.get("source", ""),
            "footing": entry.get("footing", ""), "rate": rate, "curves": curves, "kmac": kmac}
