#!/usr/bin/env python3
"""What the checks cost that every byte and symbol goes through (bitstream/checks.h): decoding by a build with them beside one without, in turns.

    cmake --preset unchecked && cmake --build --preset unchecked --target tessera
    tests/limits/checks.py [--instructions] build/tessera build-unchecked/tessera [ROUNDS [NAME...]]

One thread, made media; both builds start in turn, ROUNDS times (15), and the fastest decoding of each counts: what disturbs only adds time. NAME: only the cases
that begin so (picture, video, sound). Ends with 1 where the checks cost more than 2 %.

--instructions: counted by valgrind instead of timed, once, which nothing disturbs: of a small and a large file, the difference, so that start and weights do not
count. Valgrind has AVX2 at most.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memory  # noqa: E402

ALLOWED = 0.02


def cases():
    """name, extension, how a file of a share of the size is made, options"""
    yield "picture 768x512", "png", lambda p, share: memory.picture(p, 768, int(512 * share), 3, 8), ["-q", "48"]
    yield "video motion-lite 320x192", "y4m", lambda p, share: memory.clip(p, 320, 192, int(12 * share)), ["--model", "motion-lite", "-q", "48"]
    yield "sound speech 8 s", "wav", lambda p, share: memory.sound(p, 24000, 1, int(8 * share)), ["--model", "speech", "--bitrate", "6k"]
    yield "sound sound 4 s", "wav", lambda p, share: memory.sound(p, 48000, 2, int(4 * share)), ["--model", "sound", "--bitrate", "12k"]


def instructions(program, file, folder):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out"), program, "decode", "--threads", "1", "--force", file,
               os.path.join(folder, "decoded." + {".png": "ppm", ".y4m": "y4m", ".wav": "wav"}[os.path.splitext(file[:-4])[1]])]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return int(next(line for line in said.splitlines() if "Collected" in line).split(":")[1].replace(",", "").split()[0])


def count(programs, folder, extension, make, options):
    """Instructions of decoding what the large file has more than the small one, by each program."""
    counts = [0, 0]
    for share, sign in ((1.0, 1), (0.5, -1)):
        file = os.path.join(folder, "media." + extension)
        make(file, share)
        subprocess.run([programs[0], "encode", "--force", *options, file, file + ".tsr"], check=True, capture_output=True)
        for i, program in enumerate(programs):
            counts[i] += sign * instructions(program, file + ".tsr", folder)
    return counts


def decode_seconds(program, file, options):
    command = [program, "bench", "--json", "--repeat", "3", "--threads", "1", *options, file]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return rows[0]["decode_seconds"]


def main():
    arguments = sys.argv[1:]
    counted = arguments[:1] == ["--instructions"]
    if counted:
        del arguments[0]
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    programs = arguments[:2]
    rounds = int(arguments[2]) if len(arguments) > 2 else 15
    names = tuple(arguments[3:])
    worst = 0.0
    print("| decoding | with checks | without | cost |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, extension, make, options in cases():
            if names and not name.startswith(names):
                continue
            if counted:
                with_checks, without = count(programs, folder, extension, make, options)
                shown = [f"{n / 1e6:.1f} million" for n in (with_checks, without)]
            else:
                file = os.path.join(folder, "media." + extension)
                make(file, 1.0)
                best = [float("inf")] * 2
                for _ in range(rounds):
                    for i, program in enumerate(programs):
                        best[i] = min(best[i], decode_seconds(program, file, options))
                with_checks, without = best
                shown = [f"{1000 * t:.2f} ms" for t in best]
            cost = with_checks / without - 1
            worst = max(worst, cost)
            print(f"| {name} | {shown[0]} | {shown[1]} | {100 * cost:+.2f} % |", flush=True)
    return 1 if worst > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
