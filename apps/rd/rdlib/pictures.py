"""Test pictures of the project's own making, the same on every machine: integer arithmetic only.

Each holds what pictures hold: smooth gradients, texture at several scales, edges, text-like strokes and noise.
"""

from pathlib import Path

import numpy as np
from PIL import Image


def _hash(x, y, seed):
    """A 32-bit integer hash of lattice points (arrays), as uint32."""
    h = (x.astype(np.uint64) * 374761393 + y.astype(np.uint64) * 668265263 + seed * 2246822519) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return (h ^ (h >> 16)) & 0xFFFFFFFF


def _noise(width, height, cell, seed):
    """Value noise, 0..255: random values on a lattice with this cell size, interpolated linearly."""
    y, x = np.mgrid[0:height, 0:width]
    cx, cy, fx, fy = x // cell, y // cell, x % cell, y % cell
    corner = [[(_hash(cx + i, cy + j, seed) >> 24).astype(np.int64) for i in (0, 1)] for j in (0, 1)]
    top = corner[0][0] * (cell - fx) + corner[0][1] * fx
    bottom = corner[1][0] * (cell - fx) + corner[1][1] * fx
    return (top * (cell - fy) + bottom * fy) // (cell * cell)


def picture(number, width, height):
    """uint8 RGB, (height, width, 3)."""
    seed = 1000 * number + 17
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(3):
        base = (_noise(width, height, 96, seed + c) * 3 + _noise(width, height, 24, seed + 10) * 2
                + _noise(width, height, 6, seed + 20)) // 6
        planes.append(base + (x * (40 - 30 * c) // width) - 20)
    image = np.stack(planes, axis=-1)
    # Discs with hard edges, in front of one another.
    for k in range(10 + number):
        h = _hash(np.array([k]), np.array([number]), 7)[0]
        cx, cy, r = int(h) % width, int(h >> 8) % height, 8 + int(h >> 16) % (height // 5)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r
        colour = np.array([int(h) & 255, int(h >> 9) & 255, int(h >> 17) & 255])
        image[inside] = (image[inside] + 3 * colour) // 4
    # Strokes, one to three pixels wide, on a light strip.
    strip = slice(height * 3 // 4, height * 3 // 4 + height // 8)
    image[strip] = image[strip] // 8 + 215
    strokes = (_hash(x // (1 + number % 3), y // 5, seed + 30) % 5 == 0) & (y % 8 < 5)
    image[strip][strokes[strip]] = 30
    grain = (_hash(x, y, seed + 40) % (3 + 2 * (number % 4))).astype(np.int64)
    return np.clip(image + grain[..., None] - 2, 0, 255).astype(np.uint8)


def write(folder, count=4, width=256, height=192):
    """Writes picture-1.png ... into a folder. -> their paths"""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(1, count + 1):
        paths.append(folder / f"picture-{number}.png")
        Image.fromarray(picture(number, width, height)).save(paths[-1])
    return paths
