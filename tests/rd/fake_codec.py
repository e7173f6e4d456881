"""A codec for the tests: quantises samples and deflates them. `--fail Q` fails at one quality, `--worse N` wastes N
bytes, `--odd` writes a picture of another size, `--flat` ignores the quality in the samples, `--slow S` sleeps."""

import argparse
import time
import zlib

import numpy as np
from PIL import Image

p = argparse.ArgumentParser()
p.add_argument("mode", choices=("encode", "decode"))
p.add_argument("input")
p.add_argument("output")
p.add_argument("-q", type=int, default=8)
p.add_argument("--fail", type=int)
p.add_argument("--worse", type=int, default=0)
p.add_argument("--odd", action="store_true")
p.add_argument("--flat", action="store_true")
p.add_argument("--slow", type=float, default=0)
a = p.parse_args()
time.sleep(a.slow)
if a.mode == "encode":
    if a.q == a.fail:
        raise SystemExit("no such quality")
    step = 16 if a.flat else 64 // a.q
    pixels = np.asarray(Image.open(a.input)) // step
    coded = zlib.compress(bytes([step]) + np.array(pixels.shape[:2], "<u2").tobytes() + pixels.tobytes(), 9)
    open(a.output, "wb").write(coded + bytes(a.worse + (100 * a.q if a.flat else 0)))
else:
    data = zlib.decompressobj().decompress(open(a.input, "rb").read())
    step, (h, w) = data[0], np.frombuffer(data[1:5], "<u2")
    pixels = np.frombuffer(data[5:], np.uint8).reshape(h, w, 3) * step + step // 2
    Image.fromarray(pixels[:-1] if a.odd else pixels).save(a.output)
