#!/usr/bin/env python3
"""What each idea of overfitted video brings: tessera-fit-video's lines (standard input, or files) as BD-rate and BD-PSNR against plain HNeRV.

  tessera-fit-video --clip clip.mkv ... | video_bd.py

Curves are PSNR (6 Y + U + V) / 8 over bits a sample, one for each list of ideas left out; PCHIP over log rate (apps/rd/rdlib/bd.py). Two qualities are
enough for a line, three for a curve. Negative rates are fewer bits at equal PSNR.
"""

import argparse
import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rd"))

from rdlib import bd  # noqa: E402  (the path is set above)


def read(files):
    """-> {left out: [(bpp, psnr), ...]} in the order of the lines."""
    curves = {}
    for file in files:
        for row in csv.DictReader(file):
            curves.setdefault(row["without"], []).append((float(row["bpp"]), float(row["psnr"])))
    return curves


def table(curves, anchor):
    """-> rows (left out, mean bpp, mean PSNR, BD-rate, BD-PSNR); the last two None where the curves have nothing in common."""
    rows = []
    for name, points in curves.items():
        rate, psnr = zip(*points)
        deltas = [None, None]
        for i, function in enumerate((bd.bd_rate, bd.bd_quality)):
            try:
                deltas[i] = function(*zip(*curves[anchor]), rate, psnr).value
            except bd.CurveError:
                pass
        rows.append((name, sum(rate) / len(rate), sum(psnr) / len(psnr), *deltas))
    return rows


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="*", type=argparse.FileType(encoding="utf-8"), default=[sys.stdin])
    p.add_argument("--anchor", default="plain", help="what the others are compared with (default: %(default)s)")
    args = p.parse_args(argv)
    try:
        curves = read(args.files)
        if args.anchor not in curves:
            raise ValueError(f"no line without {args.anchor}")
    except (KeyError, ValueError) as e:
        print(f"video_bd.py: no lines of tessera-fit-video ({e})", file=sys.stderr)
        return 2
    print(f"| left out | mean bpp | mean PSNR | BD-rate against {args.anchor} | BD-PSNR |\n|---|---|---|---|---|")
    for name, rate, psnr, delta, gain in table(curves, args.anchor):
        print(f"| {name} | {rate:.4f} | {psnr:.2f} dB | " + ("" if delta is None else f"{delta:+.1f} %") + " | " + ("" if gain is None else f"{gain:+.2f} dB") + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
