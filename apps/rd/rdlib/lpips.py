"""LPIPS: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.

The AlexNet variant, version 0.1, computed with numpy. The weights are not part of the project; the file is an .npz with
the arrays of torchvision's AlexNet, `features.N.weight` and `features.N.bias` for N in 0, 3, 6, 8, 10, and the linear
layers of the LPIPS repository, `lin0` .. `lin4` (any shape of 64, 192, 384, 256, 256 values). With PyTorch and the
package `lpips` such a file is made by

    import lpips, numpy
    net = lpips.LPIPS(net="alex")
    a = {f"features.{n}.{k}": net.state_dict()[f"net.slice{s}.{n}.{k}"].numpy()
         for s, n in ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10)) for k in ("weight", "bias")}
    a |= {f"lin{i}": getattr(net, f"lin{i}").model[1].weight.detach().numpy() for i in range(5)}
    numpy.savez("lpips_alex.npz", **a)
"""

import zipfile

import numpy as np

# (index in AlexNet's features, stride, padding, max-pooling before it), kernel and channels come from the weights
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
CHANNELS = (64, 192, 384, 256, 256)
SHIFT = np.array([-0.030, -0.088, -0.188], dtype=np.float32)[:, None, None]
SCALE = np.array([0.458, 0.448, 0.450], dtype=np.float32)[:, None, None]


def windows(x, size, stride):
    """(C, H, W) -> view (C, H', W', size, size)"""
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]


def convolve(x, weight, bias, stride, padding):
    """2-D convolution of (C, H, W) by (O, C, k, k); rows in blocks, to bound the memory."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    view = windows(x, weight.shape[2], stride)
    flat = weight.reshape(len(weight), -1)
    out = np.empty((len(weight), view.shape[1], view.shape[2]), dtype=np.float32)
    for top in range(0, view.shape[1], 16):
        block = view[:, top:top + 16].transpose(0, 3, 4, 1, 2).reshape(flat.shape[1], -1)
        out[:, top:top + 16] = (flat @ block).reshape(len(weight), -1, view.shape[2])
    return out + bias[:, None, None]


class Lpips:
    """Calling it with two uint8 RGB pictures gives their distance; 0 for equal ones."""

    MIN_SIDE = 63  # smaller pictures vanish in the pooling

    def __init__(self, path):
        try:
            with np.load(path) as data:
                self.layers = [(data[f"features.{n}.weight"].astype(np.float32),
                                data[f"features.{n}.bias"].astype(np.float32), stride, padding, pool)
                               for n, stride, padding, pool in LAYERS]
                self.linear = [data[f"lin{i}"].astype(np.float32).reshape(-1, 1, 1) for i in range(len(LAYERS))]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as e:
            raise ValueError(f"{path}: no usable LPIPS weights: {e}") from None
        for (weight, *_), linear, channels in zip(self.layers, self.linear, CHANNELS, strict=True):
            if len(weight) != channels or len(linear) != channels:
                raise ValueError(f"{path}: a layer has {len(weight)} and {len(linear)} channels, not {channels}")

    def features(self, picture):
        x = (picture.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1 - SHIFT) / SCALE
        for weight, bias, stride, padding, pool in self.layers:
            if pool:
                x = windows(x, 3, 2).max(axis=(3, 4))
            x = np.maximum(convolve(x, weight, bias, stride, padding), 0)
            yield x / (np.sqrt((x * x).sum(axis=0, keepdims=True)) + 1e-10)

    def __call__(self, a, b):
        return float(sum(((x - y) ** 2 * linear).sum(axis=0).mean()
                         for x, y, linear in zip(self.features(a), self.features(b), self.linear)))
