"""The metrics by suite: how they are called, which way is better, and how they are shown."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Metric:
    key: str
    label: str
    unit: str = ""
    higher: bool = True
    digits: int = 2
    log_mean: bool = False  # dB of a similarity: averaged as similarity, as papers do, then brought back to dB

    def average(self, quality, weights):
        """Weighted mean over files: quality (files, settings), weights (files,) that sum to 1."""
        return -10 * np.log10(weights @ 10 ** (-quality / 10)) if self.log_mean else weights @ quality


SUITES = {
    "images": (
        Metric("psnr_rgb", "PSNR RGB", "dB"), Metric("ms_ssim_db", "MS-SSIM", "dB", log_mean=True),
        Metric("ssimulacra2", "SSIMULACRA2"), Metric("psnr_y", "PSNR Y", "dB"), Metric("psnr_cb", "PSNR Cb", "dB"),
        Metric("psnr_cr", "PSNR Cr", "dB"), Metric("lpips", "LPIPS", "", False, 4)),
    "video": (
        Metric("psnr_yuv", "PSNR YUV 6:1:1", "dB"), Metric("psnr_y", "PSNR Y", "dB"),
        Metric("psnr_cb", "PSNR Cb", "dB"), Metric("psnr_cr", "PSNR Cr", "dB"),
        Metric("ms_ssim_db", "MS-SSIM Y", "dB", log_mean=True),
        Metric("vmaf", "VMAF"), Metric("xpsnr", "XPSNR Y", "dB")),
    "audio": (
        Metric("visqol", "ViSQOL", "MOS-LQO", True, 3), Metric("pesq_wb", "PESQ-wb", "MOS-LQO", True, 3),
        Metric("stoi", "STOI", "", True, 4), Metric("mel", "Mel distance", "", False, 3),
        Metric("mrstft", "STFT distance", "", False, 3), Metric("si_sdr", "SI-SDR", "dB")),
}


def of(suite, key):
    return next(m for m in SUITES[suite] if m.key == key)
