#!/usr/bin/env python3
"""What the checks cost that every byte and symbol goes through (bitstream/checks.h): decoding by a build with them beside one without, in turns.

    cmake --preset unchecked && cmake --build --preset unchecked --target tessera
    tests/limits/checks.py build/tessera build-unchecked/tessera [ROUNDS [NAME...]]

One thread, made media; both builds start in turn, ROUNDS times (15), and the fastest decoding of each counts: what disturbs only adds time. NAME: only the cases
that begin so (picture, video, sound). Ends with 1 where the checks cost more than 2 %.
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
    yield "picture 768x512", "png", lambda p: memory.picture(p, 768, 512, 3, 8), ["-q", "48"]
    yield "video motion-lite 320x192", "y4m", lambda p: memory.clip(p, 320, 192, 12), ["--model", "motion-lite", "-q", "48"]
    yield "sound speech 8 s", "wav", lambda p: memory.sound(p, 24000, 1, 8), ["--model", "speech", "--bitrate", "6k"]
    yield "sound sound 4 s", "wav", lambda p: memory.sound(p, 48000, 2, 4), ["--model", "sound", "--bitrate", "12k"]


def decode_seconds(program, file, options):
    command = [program, "bench", "--json", "--repeat", "3", "--threads", "1", *options, file]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return rows[0]["decode_seconds"]


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with_checks, without = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    names = tuple(sys.argv[4:])
    worst = 0.0
    print("| decoding | with checks | without | cost |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, extension, make, options in cases():
            if names and not name.startswith(names):
                continue
            file = os.path.join(folder, "media." + extension)
            make(file)
            best = [float("inf")] * 2
            for _ in range(rounds):
                for i, program in enumerate((with_checks, without)):
                    best[i] = min(best[i], decode_seconds(program, file, options))
            cost = best[0] / best[1] - 1
            worst = max(worst, cost)
            print(f"| {name} | {1000 * best[0]:.2f} ms | {1000 * best[1]:.2f} ms | {100 * cost:+.2f} % |", flush=True)
    return 1 if worst > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
