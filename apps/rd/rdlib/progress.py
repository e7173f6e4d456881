"""A progress bar on the terminal; one line every half minute when standard error is no terminal."""

import shutil
import sys
import time
from collections import defaultdict


def duration(seconds):
    """42 -> '42 s', 200 -> '3 min 20 s', 4000 -> '1 h 6 min'"""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Counts finished tasks by kind; the remaining time comes from each kind's mean time."""

    def __init__(self, title, tasks, workers=1, quiet=False):
        self.title, self.workers, self.quiet = title, workers, quiet
        self.left = defaultdict(int)
        for kind in tasks:
            self.left[kind] += 1
        self.total, self.done = len(tasks), 0
        self.spent, self.count = defaultdict(float), defaultdict(int)
        self.terminal = sys.stderr.isatty()
        self.last = time.monotonic()

    def step(self, kind, seconds):
        self.done += 1
        self.left[kind] -= 1
        self.spent[kind] += seconds
        self.count[kind] += 1
        now = time.monotonic()
        if self.quiet or (now - self.last < (0.2 if self.terminal else 30) and self.done < self.total):
            return
        self.last = now
        self._show()

    def remaining(self):
        mean = sum(self.spent.values()) / max(1, sum(self.count.values()))
        work = sum(n * (self.spent[k] / self.count[k] if self.count[k] else mean) for k, n in self.left.items())
        return work / self.workers

    def _show(self):
        text = f"{self.title} {self.done}/{self.total}, {duration(self.remaining())} left"
        if not self.terminal:
            print(text, file=sys.stderr, flush=True)
            return
        width = max(10, min(40, shutil.get_terminal_size().columns - len(text) - 4))
        full = int(width * self.done / max(1, self.total))
        print(f"\r\033[K[{'#' * full}{'.' * (width - full)}] {text}", end="", file=sys.stderr, flush=True)

    def close(self):
        if self.terminal and not self.quiet and self.total:
            print(file=sys.stderr, flush=True)
