"""Running the codecs' own programs and measuring them from outside."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
LOG_TAIL = 4000  # characters of a program's output that are kept


class CommandError(RuntimeError):
    """A program that failed, ran too long or could not be started."""


@dataclass(frozen=True)
class Usage:
    """What one run of a program used."""

    wall_s: float    # from fork to exit: process start and file access included
    cpu_s: float     # user and system time of all its threads
    peak_kib: int    # largest resident set
    output: str      # tail of what it printed


def run(command, log, timeout_s=600.0):
    """Runs a command (a list) outside the terminal's process group, so that Ctrl-C lets it finish. -> Usage"""
    launcher = [sys.executable, "-I", "-S", str(LAUNCH), str(timeout_s), str(log), *map(str, command)]
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    done = subprocess.run(launcher, capture_output=True, text=True, start_new_session=True, env=environment)
    output = ""
    if Path(log).exists():
        output = Path(log).read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise CommandError(f"{command[0]}: cannot be started: {done.stderr.strip()[-300:]}") from None
    if said["timed_out"]:
        raise CommandError(f"{command[0]}: stopped after {timeout_s:g} s")
    if said["code"] != 0:
        how = f"signal {-said['code']}" if said["code"] < 0 else f"exit status {said['code']}"
        last = " / ".join(line for line in output.strip().splitlines()[-3:])
        raise CommandError(f"{Path(str(command[0])).name}: {how}: {last[:400]}")
    return Usage(said["wall_s"], said["cpu_s"], said["peak_kib"], output)


def text_of(command, timeout_s=300, errors_too=True):
    """What a short command prints (queries), or None when it cannot be run. errors_too: standard error included."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout_s,
                              stdin=subprocess.DEVNULL, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + (done.stderr if errors_too else "")


def json_of(command):
    """The JSON object that a command prints, or the first of a list of them; ValueError when there is none."""
    data = json.loads(text_of(command, errors_too=False) or "")
    data = data[0] if isinstance(data, list) and data else data
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    return data
