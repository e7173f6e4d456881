"""Results on disk, one JSON object a line. Appending a line is one write, so an interruption loses at most the line
that was being written; a damaged last line is ignored when the file is read."""

import hashlib
import json
import os
from pathlib import Path


def key_of(*parts):
    """A short name for everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


class Cache:
    def __init__(self, path):
        self.path = Path(path)
        self.records = {}
        self.damaged = 0
        cut = False
        if self.path.exists():
            raw = self.path.read_bytes()
            cut = bool(raw) and not raw.endswith(b"\n")
            for line in raw.decode("utf-8", "replace").splitlines():
                try:
                    record = json.loads(line)
                    self.records[record["key"]] = record
                except (ValueError, KeyError, TypeError):
                    self.damaged += 1
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if cut:
            os.write(self.fd, b"\n")

    def __contains__(self, key):
        return key in self.records

    def get(self, key):
        return self.records.get(key)

    def put(self, record):
        self.records[record["key"]] = record
        os.write(self.fd, json.dumps(record, separators=(",", ":")).encode() + b"\n")

    def close(self):
        os.close(self.fd)


def write_whole(path, text):
    """Replaces a file in one step, so that a reader never sees half of it."""
    path = Path(path)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
