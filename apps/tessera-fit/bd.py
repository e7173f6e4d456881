#!/usr/bin/env python3
"""BD-rate of tessera-fit's points (points.csv of batch.sh), for each picture and as a mean.

  bd.py POINTS.csv --anchors kodak_rd.json [--anchor bpg_444] --names kodim01,kodim05,... [--run FOLDER --codec NAME]

--names says which pictures the numbers of points.csv are, in the pack's order.

A file of published points has most codecs as means over all 24 pictures alone. Eight pictures cannot be compared with such a mean: --run names
results of apps/rd (rd.sh run) over all the pictures with a codec that stands in for the anchor, picture by picture. How far the stand-in is from
the anchor is measured where both are known, on the mean over the run's pictures, and both figures are printed. An anchor whose entry has
`per_image` points needs no stand-in.

BD-rate: PCHIP over log rate (apps/rd/rdlib/bd.py), PSNR of RGB. Needs numpy: apps/rd/rd.sh --setup-only, then .venv/bin/python.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rd"))

from rdlib import bd, curves  # noqa: E402  (the path is set above)

METRIC = "psnr_rgb"


class Unusable(ValueError):
    """Input that cannot be compared; its text is one sentence."""


def read_points(path, steps=None):
    """-> {picture's number: {quality: (bpp, psnr)}} of one number of steps: the largest without `steps`."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [(int(r["picture"]), int(r["quality"]), int(r["steps"]), float(r["bpp"]), float(r["psnr"])) for r in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as e:
        raise Unusable(f"{path}: no points of tessera-fit ({e})") from None
    if not rows:
        raise Unusable(f"{path}: no points")
    steps = steps or max(r[2] for r in rows)
    found = {}
    for picture, quality, of, bpp, psnr in rows:
        if of == steps:
            found.setdefault(picture, {})[quality] = (bpp, psnr)
    if not found:
        raise Unusable(f"{path}: no points of {steps} steps")
    return found, steps


def mean(points_of):
    """Mean rate and quality over pictures, at the qualities that all of them have."""
    common = sorted(set.intersection(*(set(p) for p in points_of)))
    return tuple([sum(p[q][i] for p in points_of) / len(points_of) for q in common] for i in (0, 1))


def published(path, name):
    """-> (mean curve, {picture: curve}); a curve is (rates, qualities)."""
    try:
        entry = json.loads(Path(path).read_text(encoding="utf-8"))[name]
        each = {k: tuple(zip(*v)) for k, v in entry.get("per_image", {}).items()}
        return (entry["bpp"], entry["psnr"]), each
    except KeyError as e:
        raise Unusable(f"{path}: no entry {e.args[0]}") from None
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise Unusable(f"{path}: no published points ({e})") from None


class StandIn:
    """A codec of a run of apps/rd."""

    def __init__(self, folder, codec):
        results = curves.Results(folder)
        self.codec = codec or results.names()[0]
        if self.codec not in results.names():
            raise Unusable(f"{folder}: no codec {self.codec}")
        self.each = {Path(f).stem: dict(enumerate(zip(*results.file_curve(self.codec, METRIC, f)))) for f in results.files}

    def curve(self, name):
        if not self.each.get(name):
            raise Unusable(f"the run has no picture {name}")
        return tuple(zip(*self.each[name].values()))

    def mean(self, names=None):
        return mean([self.each[n] for n in names or self.each])


def report(args, say=print):
    points, steps = read_points(args.points, args.steps)
    names = args.names.split(",") if args.names else [f"kodim{i + 1:02d}" for i in range(max(points) + 1)]
    if max(points) >= len(names):
        raise Unusable(f"--names has {len(names)} names, but there is a picture {max(points)}")
    all_mean, each = published(args.anchors, args.anchor)
    stand_in = StandIn(args.run, args.codec) if args.run and not each else None
    if stand_in is None and not each and len(points) < args.pictures:
        raise Unusable(f"{args.anchor} is a mean over {args.pictures} pictures and there are {len(points)}: name a run of a stand-in with --run")
    against = stand_in.codec if stand_in else args.anchor
    say(f"{steps} steps; BD-rate against {against}" + (f", standing in for {args.anchor}" if stand_in else ""))
    rates = []
    for picture in sorted(points) if stand_in or each else []:
        curve = list(zip(*(points[picture][q] for q in sorted(points[picture]))))
        if len(curve) < 2 or len(curve[0]) < 2:
            say(f"{names[picture]:10s} {len(points[picture])} point")
            continue
        anchor = stand_in.curve(names[picture]) if stand_in else each[names[picture]]
        delta = bd.bd_rate(*anchor, *curve)
        rates.append(delta.value)
        say(f"{names[picture]:10s} {delta.value:+7.2f} %  ({delta.low:.2f}..{delta.high:.2f} dB, {len(curve[0])} points)")
    if rates:
        say(f"mean of {len(rates)}  {sum(rates) / len(rates):+7.2f} %")
    ours = mean(list(points.values()))
    present = [names[p] for p in sorted(points)]
    whole = stand_in.mean(present) if stand_in else mean([dict(enumerate(zip(*each[n]))) for n in present]) if each else all_mean
    delta = bd.bd_rate(*whole, *ours)
    say(f"mean curve {delta.value:+7.2f} %  ({delta.low:.2f}..{delta.high:.2f} dB, {len(ours[0])} points)")
    if stand_in and len(stand_in.each) == args.pictures:
        apart = bd.bd_rate(*all_mean, *stand_in.mean())
        say(f"{against} against {args.anchor}, mean curves of {len(stand_in.each)} pictures: {apart.value:+.2f} %  ({apart.low:.2f}..{apart.high:.2f} dB)")
        estimate = ((1 + delta.value / 100) * (1 + apart.value / 100) - 1) * 100
        say(f"estimate against {args.anchor} (mean curve times the stand-in's own): {estimate:+.2f} %")
    elif stand_in:
        say(f"the run has {len(stand_in.each)} of the {args.pictures} pictures of {args.anchor}'s mean: how far the two are apart is not known")
    return delta.value


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("points", type=Path, metavar="POINTS.csv")
    p.add_argument("--anchors", type=Path, required=True, metavar="FILE", help="JSON of published points")
    p.add_argument("--anchor", default="bpg_444", metavar="NAME", help="entry of the file (default: %(default)s)")
    p.add_argument("--names", metavar="A,B,...", help="the pictures' names, in the pack's order (default: kodim01, kodim02, ...)")
    p.add_argument("--steps", type=int, metavar="N", help="points of so many steps (default: the most)")
    p.add_argument("--run", type=Path, metavar="FOLDER", help="results of apps/rd with a codec that stands in for the anchor")
    p.add_argument("--codec", metavar="NAME", help="which of the run's codecs (default: the first)")
    p.add_argument("--pictures", type=int, default=24, metavar="N", help="over how many pictures the published means are (default: %(default)s)")
    try:
        report(p.parse_args(argv))
    except (Unusable, bd.CurveError, curves.ResultsError) as e:
        print(f"bd.py: {e}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
