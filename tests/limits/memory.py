#!/usr/bin/env python3
"""Memory that decoding takes, beside what `tessera info` predicts from the header: a table for docs/results/fuzzing.md.

    tests/limits/memory.py TESSERA [NAME...]

TESSERA: the program. NAME: only the cases that begin so (image, overfit, video, sound). Each case is encoded from a made picture, clip or sound and
decoded in a process of its own, with one thread and with two; its peak is the largest resident set. Ends with 1 when a prediction is more than
25 % off.
"""
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import wave
import zlib

ALLOWED = 0.25


def picture(path, width, height, channels, depth):
    """Waves and noise as PNG."""
    random.seed(width * height)
    noise = random.randbytes(1 << 16)
    rows = []
    for y in range(height):
        row = bytes((128 + int(60 * math.sin(x / 23 + y / 31)) + noise[(x * 7 + y * 131 + c * 17) & 0xffff] // 8) & 0xff for x in range(width) for c in range(channels))
        rows.append(b"\0" + (row if depth == 8 else b"".join(bytes((v, v ^ 85)) for v in row)))

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)))
        out.write(chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + chunk(b"IEND", b""))


def clip(path, width, height, frames):
    """A moving pattern as y4m, 4:2:0, 8 bits."""
    random.seed(width)
    noise = random.randbytes(width)
    with open(path, "wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode())
        for t in range(frames):
            out.write(b"FRAME\n")
            for y in range(height):
                shift = (3 * t + y) % width
                out.write(noise[shift:] + noise[:shift])
            chroma = (width + 1) // 2 * ((height + 1) // 2)
            out.write(bytes([120 + t]) * chroma + bytes([140]) * chroma)


def sound(path, rate, channels, seconds):
    with wave.open(path, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        block = b"".join(struct.pack("<h", int(9000 * math.sin(i * 0.031) + 3000 * math.sin(i * 0.11))) * channels for i in range(rate))
        for _ in range(seconds):
            out.writeframes(block)


def cases():
    for width, height, channels, depth in [(64, 64, 3, 8), (512, 512, 3, 8), (1024, 1024, 1, 8), (1024, 1024, 4, 8), (1024, 1024, 3, 16), (1920, 1080, 3, 8), (2048, 2048, 3, 8), (4000, 3000, 3, 8)]:
        yield f"image {width}x{height} {channels}x{depth}", "png", lambda p, a=(width, height, channels, depth): picture(p, *a), [], "png"
    for side in (64, 256, 512):
        yield f"overfit {side}x{side}", "png", lambda p, s=side: picture(p, s, s, 3, 8), ["--model", "overfit", "--effort", "0"], "png"
    for model in ("motion-lite", "motion"):
        for width, height in [(176, 144), (640, 360), (1280, 720)]:
            yield f"video {model} {width}x{height}", "y4m", lambda p, a=(width, height): clip(p, *a, 4), ["--model", model, "--effort", "0"], "y4m"
    for model, rate, channels in (("speech", 24000, 1), ("sound", 48000, 2)):
        for seconds in (2, 60):
            yield f"sound {model} {seconds} s", "wav", lambda p, a=(rate, channels, seconds): sound(p, *a), ["--model", model], "wav"


def run(command):
    """Peak in bytes."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)}: {errors.read().decode().strip()}")
    return usage.ru_maxrss * 1024


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    tessera, wanted = sys.argv[1], sys.argv[2:]
    print("| stream | predicted | measured, 1 thread | 2 threads | prediction to the larger |\n|---|---|---|---|---|")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, extension, make, options, output in cases():
            if wanted and not any(name.startswith(w) for w in wanted):
                continue
            source, stream = f"{folder}/in.{extension}", f"{folder}/s.tsr"
            make(source)
            run([tessera, "encode", "--quiet", source, stream, *options])
            predicted = json.loads(subprocess.run([tessera, "info", "--json", stream], check=True, capture_output=True).stdout)
            predicted = (predicted[0] if isinstance(predicted, list) else predicted)["predicted_memory"]
            peaks = [run([tessera, "decode", "--quiet", "--threads", str(t), stream, f"{folder}/out.{output}"]) for t in (1, 2)]
            off = predicted / max(peaks) - 1
            worst = max(worst, abs(off))
            print(f"| {name} | {predicted / 2**20:.0f} MiB | {peaks[0] / 2**20:.0f} MiB | {peaks[1] / 2**20:.0f} MiB | {100 * off:+.0f} % |", flush=True)
    print(f"\nLargest difference: {100 * worst:.0f} %.")
    sys.exit(worst > ALLOWED)


if __name__ == "__main__":
    main()
