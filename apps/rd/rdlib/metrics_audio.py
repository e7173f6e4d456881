"""Distortion of audio, 16-bit PCM against 16-bit PCM at the source's sample rate.

The decoded signal is shifted by the lag at which it agrees best with the source (codecs delay), unless the codec is known
to keep the time: parametric codecs do not resemble the source closely enough for a correlation to find the lag. Then both
are cut to their common part. Multi-channel metrics are means over channels unless said otherwise.

pesq_wb     1..4.6, ITU-T P.862.2 at 16 kHz, downmix; package `pesq`. Made for speech.
stoi        0..1, C. Taal et al., IEEE TASLP 19(7), 2011; downmix; package `pystoi`. Made for speech.
visqol      1..5, M. Chinen et al., "ViSQOL v3", QoMEX 2020, audio mode at 48 kHz, downmix; package `visqol-python`.
mel         distance, lower is better: mean absolute difference of log10 mel magnitudes squared, summed over windows of
            2048 and 512 with 150 and 80 bands (the log term of descript-audio-codec's mel loss).
mrstft      distance, lower is better: spectral convergence plus mean absolute difference of natural log magnitudes,
            mean over windows of 512, 1024, 2048 (R. Yamamoto et al., ICASSP 2020).
si_sdr      dB, J. Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.
"""

import logging
import os
import warnings
from functools import lru_cache

import numpy as np
from scipy.signal import get_window, resample_poly, stft

from .media import MediaError, read_wav

VERSION = 2
OPTIONAL = ("pesq_wb", "stoi", "visqol")
WITHOUT = "TESSERA_RD_WITHOUT"
MAX_LAG_S = 0.1
LOWER_IS_BETTER = ("mel", "mrstft")


def align(a, b, rate):
    """Shifts b to a by the lag of the largest cross-correlation. -> (a, b, lag in samples)"""
    limit = min(int(MAX_LAG_S * rate), len(a) - 1, len(b) - 1)
    x, y = a.mean(axis=1), b.mean(axis=1)
    size = 1 << int(np.ceil(np.log2(len(x) + len(y))))
    product = np.fft.irfft(np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size), size)
    lags = np.arange(-limit, limit + 1)
    lag = int(lags[np.argmax(product[lags])])
    a, b = (a, b[lag:]) if lag >= 0 else (a[-lag:], b)
    n = min(len(a), len(b))
    return a[:n], b[:n], lag


def _spectrum(x, window):
    """Magnitudes, shape (bins, frames); hop of a quarter window."""
    if len(x) < window:
        x = np.pad(x, (0, window - len(x)))
    return np.abs(stft(x, window=get_window("hann", window), nperseg=window, noverlap=window * 3 // 4,
                       padded=True)[2]) * window / 2


@lru_cache(maxsize=None)
def mel_bank(rate, window, bands):
    """Triangular filters on the Slaney mel scale with unit area, shape (bands, window // 2 + 1)."""
    def mel(f):
        f = np.asarray(f, dtype=float)
        return np.where(f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1e-9) / 1000) * 27 / np.log(6.4))

    def hertz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))

    edges = hertz(np.linspace(0, mel(rate / 2), bands + 2))
    f = np.linspace(0, rate / 2, window // 2 + 1)
    up = (f - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - f) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def mel_distance(a, b, rate):
    total = 0.0
    for window, bands in ((2048, 150), (512, 80)):
        bank = mel_bank(rate, window, bands)
        x, y = (np.log10(np.maximum(bank @ _spectrum(s, window), 1e-5) ** 2) for s in (a, b))
        total += float(np.mean(np.abs(x - y)))
    return total


def multi_stft(a, b):
    scores = []
    for window in (512, 1024, 2048):
        x, y = _spectrum(a, window), _spectrum(b, window)
        convergence = np.linalg.norm(x - y) / max(np.linalg.norm(x), 1e-9)
        scores.append(convergence + np.mean(np.abs(np.log(np.maximum(x, 1e-5)) - np.log(np.maximum(y, 1e-5)))))
    return float(np.mean(scores))


def si_sdr(a, b):
    a, b = a - a.mean(), b - b.mean()
    energy = np.dot(a, a)
    if energy <= 0:
        return None
    target = np.dot(a, b) / energy * a
    noise = b - target
    return float(10 * np.log10(max(np.dot(target, target), 1e-12) / max(np.dot(noise, noise), 1e-12)))


@lru_cache(maxsize=None)
def available():
    """The packages that are not installed. -> {metric: what to do}"""
    missing = {}
    for metric, module, advice in (("pesq_wb", "pesq", "apt-get install gcc python3-dev, then pip install pesq"),
                                   ("stoi", "pystoi", "pip install pystoi"),
                                   ("visqol", "visqol", "pip install visqol-python")):
        try:
            __import__(module)
        except ImportError:
            missing[metric] = advice
    # Workers are processes of their own: what the user left out reaches them through the environment.
    for metric in filter(None, os.environ.get(WITHOUT, "").split(",")):
        missing[metric] = "left out by --without"
    return missing


def _pesq(mono16):
    from pesq import PesqError, pesq
    try:
        return float(pesq(16000, mono16[0], mono16[1], "wb"))
    except PesqError:  # no utterance found: music, silence
        return None


@lru_cache(maxsize=None)
def _visqol():
    from visqol.api import VisqolApi
    logging.getLogger("visqol").setLevel(logging.ERROR)
    api = VisqolApi()
    api.create(mode="audio")
    return api


def measure(original, decoded, keeps_time=False):
    """All audio metrics of two files. -> {name: value}; a metric that cannot be computed is left out."""
    a, rate = read_wav(original)
    b, rate_b = read_wav(decoded)
    if rate != rate_b or a.shape[1] != b.shape[1]:
        raise MediaError(f"decoded audio has {rate_b} Hz and {b.shape[1]} channels, not {rate} and {a.shape[1]}")
    if len(b) < 0.9 * len(a):
        raise MediaError(f"decoded audio has {len(b)} samples, the original {len(a)}")
    if keeps_time:
        n, lag = min(len(a), len(b)), 0
        a, b = a[:n], b[:n]
    else:
        a, b, lag = align(a, b, rate)
    out = {"delay_ms": 1000.0 * lag / rate}
    channels = range(a.shape[1])
    out["mel"] = float(np.mean([mel_distance(a[:, c], b[:, c], rate) for c in channels]))
    out["mrstft"] = float(np.mean([multi_stft(a[:, c], b[:, c]) for c in channels]))
    ratios = [r for r in (si_sdr(a[:, c], b[:, c]) for c in channels) if r is not None]
    if ratios:
        out["si_sdr"] = float(np.mean(ratios))
    x, y = a.mean(axis=1), b.mean(axis=1)
    missing = available()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "pesq_wb" not in missing:
            out["pesq_wb"] = _pesq([resample_poly(s, 16000, rate) for s in (x, y)])
        if "stoi" not in missing:
            from pystoi import stoi
            out["stoi"] = float(stoi(x, y, rate))
        if "visqol" not in missing:
            out["visqol"] = float(_visqol().measure_from_arrays(
                *(resample_poly(s, 48000, rate) if rate != 48000 else s for s in (x, y)), 48000).moslqo)
    return {name: value for name, value in out.items() if value is not None}
