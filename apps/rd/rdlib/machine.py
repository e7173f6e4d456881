"""What the results were measured on."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from . import process

PACKAGES = ("numpy", "scipy", "pillow", "ssimulacra2", "bjontegaard", "pesq", "pystoi", "visqol-python", "matplotlib")


def _first(path, pattern):
    try:
        found = re.search(pattern, Path(path).read_text(), re.M)
        return found.group(1).strip().strip('"') if found else ""
    except OSError:
        return ""


def describe():
    memory = _first("/proc/meminfo", r"^MemTotal:\s+(\d+)")
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    ffmpeg = re.search(r"ffmpeg version (\S+)", process.text_of(["ffmpeg", "-version"]) or "")
    return {
        "processor": _first("/proc/cpuinfo", r"^model name\s*:\s*(.+)") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 2**20, 1) if memory else None,
        "system": _first("/etc/os-release", r"^PRETTY_NAME=(.+)"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": versions,
        "ffmpeg": ffmpeg.group(1) if ffmpeg else "not installed",
    }


def fingerprint():
    """What timings depend on."""
    facts = describe()
    return [facts["processor"], facts["cores"]]
