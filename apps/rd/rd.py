#!/usr/bin/env python3
"""Rate-distortion bench: the same files through several codecs, compared in one run. Start it through rd.sh."""

import argparse
import json
import os
import sys
from pathlib import Path

from rdlib import bd, check, codecs, curves, media, pictures, published

ROOT = Path(__file__).resolve().parents[2]
OK, WORSE, USAGE, PROBLEMS = 0, 1, 2, 3

EPILOG = """\
exit status: 0 all done; 1 check: a codec got worse; 2 wrong usage or nothing to compare; 3 done, but with problems
(they are listed on the terminal and in the page); 130 interrupted, the same command goes on where it stopped.
Manual: docs/rd.md."""

DEFAULTS = {"images": "tessera:still,jpeg,webp,avif,jxl,hevc-intra",
            "video": "x264,x265,svtav1,aom,x264:structure=lowdelay,x265:structure=lowdelay,"
                     "svtav1:structure=lowdelay,aom:structure=lowdelay",
            "audio": "opus,aac,mp3"}


def number(low, high=10**9, kind=int):
    def convert(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not within {low}..{high}")
        return value
    convert.__name__ = "number"
    return convert


def arguments(argv):
    p = argparse.ArgumentParser(prog="rd.py", description=__doc__, epilog=EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True, metavar="COMMAND")

    r = sub.add_parser("run", help="code, decode and measure; resumes what was interrupted")
    r.add_argument("--suite", choices=codecs.SUITES, required=True)
    r.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the files")
    r.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    r.add_argument("--codecs", metavar="A,B,...", help="NAME[:ARGUMENT][:OPTION=VALUE] or FILE.toml, with commas "
                   "between; see 'list' (default: all of the suite)")
    r.add_argument("--qualities", type=number(1), default=8, metavar="N", help="points a curve (default 8)")
    r.add_argument("--published", type=Path, action="append", default=[], metavar="FILE",
                   help="JSON of published points to show beside the measured ones")
    r.add_argument("--published-codecs", metavar="A,B,...", help="which entries, or 'all' (default: the usual anchors)")
    r.add_argument("--limit", type=number(1), default=0, metavar="N", help="only the first N files")
    r.add_argument("--crop", type=number(16), default=0, metavar="N", help="images: only the middle N x N pixels")
    r.add_argument("--frames", type=number(1), default=0, metavar="N", help="video: only the first N frames")
    r.add_argument("--seconds", type=number(0.5, kind=float), default=0.0, metavar="S",
                   help="audio: only the first S seconds")
    r.add_argument("--intra-period", type=number(1), default=32, metavar="N",
                   help="video: frames from one key frame to the next (default 32)")
    r.add_argument("--jobs", type=number(1, 1024), default=0, metavar="N",
                   help="points measured at the same time (default: one a core)")
    r.add_argument("--threads", type=number(1, 1024), default=1, metavar="N",
                   help="threads of an encoder or decoder (default 1)")
    r.add_argument("--timing-files", type=number(0), default=6, metavar="N",
                   help="files in the serial timing pass (default 6; 0: no timing)")
    r.add_argument("--timing-reps", type=number(1, 100), default=2, metavar="N",
                   help="repetitions, of which the fastest counts (default 2)")
    r.add_argument("--timeout", type=number(1, kind=float), default=1200.0, metavar="S",
                   help="longest time of one program (default 1200 s)")
    r.add_argument("--without", metavar="A,B,...",
                   help="audio: metrics to leave out, e.g. visqol, which takes longer than all others")
    r.add_argument("--lpips-weights", metavar="FILE", help="weights of LPIPS (.npz, see the manual); adds the metric")
    r.add_argument("--tessera", default=str(ROOT / "build" / "tessera"), metavar="FILE",
                   help="Tessera's program (default: build/tessera)")
    r.add_argument("--no-report", action="store_true", help="do not write the page at the end")
    r.add_argument("--quiet", action="store_true", help="no progress")

    q = sub.add_parser("report", help="write report.html and the plots of a run")
    q.add_argument("dir", type=Path)
    q.add_argument("--anchor", metavar="NAME", help="codec that the others are compared with at first")
    q.add_argument("--no-crops", action="store_true", help="leave the worst cases' pictures out")

    c = sub.add_parser("check", help="compare a run with a baseline; exit status 1 when a codec got worse")
    c.add_argument("--baseline", type=Path, required=True, metavar="FILE")
    c.add_argument("--margin", type=float, metavar="PERCENT", help="allowed loss (default: as the baseline says)")
    c.add_argument("dir", type=Path)

    b = sub.add_parser("baseline", help="write a baseline from a run")
    b.add_argument("dir", type=Path)
    b.add_argument("--out", type=Path, required=True, metavar="FILE")
    b.add_argument("--margin", type=number(0, 100, float), default=1.0, metavar="PERCENT",
                   help="loss of BD-rate that the check will allow (default 1)")
    b.add_argument("--codecs", metavar="A,B,...", help="default: all of the run")
    b.add_argument("--metrics", metavar="A,B,...", help="default: the suite's first")

    d = sub.add_parser("bd", help="BD-rate between two entries of a file of published points")
    d.add_argument("file", type=Path)
    d.add_argument("anchor")
    d.add_argument("test")
    d.add_argument("--metric", default="psnr", help="list in the file (default psnr)")

    s = sub.add_parser("list", help="the codecs, with their options, versions and commands")
    s.add_argument("--suite", choices=codecs.SUITES, action="append")
    s.add_argument("--tessera", default=str(ROOT / "build" / "tessera"), help=argparse.SUPPRESS)

    g = sub.add_parser("pictures", help="write the project's own test pictures")
    g.add_argument("dir", type=Path)
    g.add_argument("--count", type=number(1, 100), default=4)
    g.add_argument("--size", default="256x192", metavar="WxH")
    return p.parse_args(argv)


def run(args):
    from rdlib import metrics_audio, runner
    if args.without:
        unknown = [m for m in args.without.split(",") if m not in metrics_audio.OPTIONAL]
        if unknown:
            raise codecs.CodecError(f"--without {unknown[0]}: one of {', '.join(metrics_audio.OPTIONAL)}")
        os.environ[metrics_audio.WITHOUT] = args.without
    settings = codecs.Settings(threads=args.threads, intra_period=args.intra_period, tessera=args.tessera)
    names = [n for n in (args.codecs or DEFAULTS[args.suite]).split(",") if n]
    chosen, seen = [], set()
    for name in names:
        codec = codecs.find(name, args.suite, settings)
        if codec.name in seen:
            raise codecs.CodecError(f"'{codec.name}' is named twice")
        seen.add(codec.name)
        chosen.append(codec)
    if args.lpips_weights:
        from rdlib.lpips import Lpips
        Lpips(args.lpips_weights)  # complains now rather than in every worker
    plan = runner.Plan(
        suite=args.suite, data=args.data, out=args.out, codecs=chosen, qualities=args.qualities, limit=args.limit,
        frames=args.frames, seconds=args.seconds, crop=args.crop, jobs=args.jobs, timing_files=args.timing_files,
        timing_reps=args.timing_reps, timeout=args.timeout, published=args.published, lpips=args.lpips_weights,
        published_names=args.published_codecs.split(",") if args.published_codecs else None, quiet=args.quiet,
        settings=settings)
    status = runner.Run(plan).go()
    if status != 130 and not args.no_report:
        status = max(status, write_report(args.out))
    return status


def write_report(folder, anchor=None, crops=True):
    from rdlib import report
    results = curves.Results(folder)
    path, problems = report.write(results, anchor, crops)
    for problem in problems:
        print(f"rd.py: {problem['where']}: {problem['text']}", file=sys.stderr)
    print(path)
    return PROBLEMS if problems or results.run["problems"] or results.missing else OK


def run_check(args):
    rows = check.compare(curves.Results(args.dir), check.read(args.baseline), args.margin)
    if not rows:
        raise check.BaselineError(f"{args.baseline}: no codecs")
    for codec, metric, value, verdict in rows:
        print(f"{codec:28} {metric:16} " + (f"{value:+8.2f} %  " if value is not None else " " * 12) + verdict)
    if any(verdict == "worse" for *_, verdict in rows):
        return WORSE
    return USAGE if any(value is None for _, _, value, _ in rows) else OK


def run_bd(args):
    data = json.loads(args.file.read_text(encoding="utf-8"))
    for name in (args.anchor, args.test):
        if name not in data or args.metric not in data[name]:
            raise published.PublishedError(f"{args.file} has no {args.metric} of '{name}'")
    a, t = data[args.anchor], data[args.test]
    for method in bd.METHODS:
        r = bd.bd_rate(a["bpp"], a[args.metric], t["bpp"], t[args.metric], method)
        q = bd.bd_quality(a["bpp"], a[args.metric], t["bpp"], t[args.metric], method)
        print(f"{method:6} BD-rate {r.value:+.2f} %  ({args.metric} {r.low:.3f}..{r.high:.3f}, overlap "
              f"{100 * r.overlap:.0f} %)  BD-{args.metric} {q.value:+.3f}  (bpp {q.low:.3f}..{q.high:.3f})")
    return OK


def run_list(args):
    from rdlib import codecs_audio, codecs_image, codecs_video
    from rdlib.runner import describe
    settings = codecs.Settings(tessera=args.tessera)
    for suite, known in (("images", codecs_image.CODECS), ("video", codecs_video.CODECS),
                         ("audio", codecs_audio.CODECS)):
        if args.suite and suite not in args.suite:
            continue
        print(f"{suite}:")
        for name in known:
            codec = codecs.find(name, suite, settings)
            try:
                version = codec.version()
            except codecs.CodecMissing as e:
                version = f"missing: {e}"
            shown = describe(codec, version, settings)
            print(f"  {name:12} {codec.label} ({version})\n{'':15}{shown['encode']}\n{'':15}{shown['decode']}\n"
                  f"{'':15}qualities {' '.join(codec.qualities)}")
    return OK


def run_baseline(args):
    results = curves.Results(args.dir)
    if results.missing:
        raise check.BaselineError(f"{args.dir}: {results.missing} points are missing; finish the run first")
    check.write(args.out, check.make(results, args.margin, args.codecs.split(",") if args.codecs else None,
                                     args.metrics.split(",") if args.metrics else None))
    print(args.out)
    return OK


def run_pictures(args):
    try:
        width, height = (int(v) for v in args.size.lower().split("x"))
        if not (16 <= width <= 8192 and 16 <= height <= 8192):
            raise ValueError
    except ValueError:
        raise media.MediaError(f"--size {args.size}: not WIDTHxHEIGHT within 16..8192") from None
    pictures.write(args.dir, args.count, width, height)
    return OK


def main(argv=None):
    args = arguments(argv)
    commands = {"run": run, "check": run_check, "bd": run_bd, "list": run_list, "pictures": run_pictures,
                "baseline": run_baseline, "report": lambda a: write_report(a.dir, a.anchor, not a.no_crops)}
    try:
        return commands[args.command](args)
    except (codecs.CodecError, media.MediaError, published.PublishedError, curves.ResultsError, check.BaselineError,
            bd.CurveError, OSError, ValueError) as e:
        print(f"rd.py: {e}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
