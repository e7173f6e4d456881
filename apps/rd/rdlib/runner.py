"""A run: every file through every codec at every quality, then the same once more, one at a time, for the times.

OUT/run.json      what was run: files, codecs with versions and commands, keys of the points, problems
OUT/points.jsonl  results, kept across runs (cache.py)
OUT/streams       the coded files
OUT/work          converted sources; may be deleted
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import codecs, machine, media, metrics_audio, metrics_image, metrics_video, published, task
from .cache import Cache, key_of, write_whole
from .progress import Progress, duration

FORMAT = 1


@dataclass
class Plan:
    suite: str
    data: Path
    out: Path
    codecs: list
    qualities: int = 0
    limit: int = 0            # files
    frames: int = 0
    seconds: float = 0.0
    crop: int = 0
    jobs: int = 0
    timing_files: int = 6
    timing_reps: int = 2
    timeout: float = 1200.0
    published: list = field(default_factory=list)
    published_names: list | None = None
    lpips: str | None = None
    quiet: bool = False
    settings: codecs.Settings = field(default_factory=codecs.Settings)


class Interrupted(Exception):
    """The user stopped the run; what is finished is kept."""


class Run:
    def __init__(self, plan):
        self.plan = plan
        self.problems = []
        self.stopping = False
        plan.out.mkdir(parents=True, exist_ok=True)
        self.work, self.streams = plan.out / "work", plan.out / "streams"
        self.work.mkdir(exist_ok=True)
        self.streams.mkdir(exist_ok=True)
        self.cache = Cache(plan.out / "points.jsonl")
        if self.cache.damaged:
            self.note(f"points.jsonl: {self.cache.damaged} damaged line(s) ignored")

    def say(self, text):
        if not self.plan.quiet:
            print(text, file=sys.stderr, flush=True)

    def note(self, text):
        print(f"rd.py: {text}", file=sys.stderr, flush=True)

    def problem(self, kind, where, text):
        """Reported on the terminal now, in the page later, and by the exit code."""
        self.problems.append({"kind": kind, "where": where, "text": text})
        self.note(f"{where}: {text}")

    # Preparation ----------------------------------------------------------------------------------------------

    def load_files(self):
        paths = media.find(self.plan.data, self.plan.suite)
        if self.plan.limit:
            paths = paths[:self.plan.limit]
        sources, seen = [], {}
        for path in paths:
            try:
                source = media.prepare(path, self.plan.suite, self.work, self.plan.frames, self.plan.seconds,
                                       self.plan.crop)
            except media.MediaError as e:
                self.problem("unreadable file", path.name, str(e).removeprefix(f"{path.name}: "))
                continue
            if source.sha256 in seen:
                self.problem("duplicate file", path.name, f"same content as {seen[source.sha256]}; left out")
                continue
            seen[source.sha256] = path.name
            sources.append(source)
        return sources

    def load_codecs(self):
        chosen = []
        for codec in self.plan.codecs:
            try:
                version = codec.version()
            except codecs.CodecMissing as e:
                self.problem("codec skipped", codec.name, str(e))
                continue
            chosen.append((replace(codec, qualities=codecs.pick(codec.qualities, self.plan.qualities)), version))
        return chosen

    def metrics_key(self):
        """Changes when a metric is defined anew or when an optional one becomes available."""
        return {"images": [metrics_image.VERSION, bool(self.plan.lpips)],
                "video": [metrics_video.VERSION, *metrics_video.filters()] if self.plan.suite == "video" else [],
                "audio": [metrics_audio.VERSION, *sorted(metrics_audio.available())]
                if self.plan.suite == "audio" else []}[self.plan.suite]

    def jobs_for(self, chosen, sources):
        settings = self.plan.settings
        metrics_key, host = self.metrics_key(), machine.fingerprint()
        # Timed files are spread over the list, so that a sorted folder does not bias the choice.
        timed = {s.name for s in codecs.pick(sources, self.plan.timing_files)} if self.plan.timing_files else set()
        quality, timing = [], []
        for codec, version in chosen:
            for source in sources:
                values = {**source.values(), "threads": settings.threads, "intra": settings.intra_period}
                for q in codec.qualities:
                    shape = codecs.fill((*codec.encode, *codec.decode), {**values, "q": q, "in": "<in>",
                                                                        "out": "<out>", "name": "<name>"})
                    base = [FORMAT, shape, version, source.sha256, source.limits]
                    job = {"codec": codec, "q": q, "file": source.name, "values": values, "units": source.units,
                           "source_path": str(media.prepared(source, codec.source, self.work)),
                           "work": str(self.work), "streams": str(self.streams), "timeout": self.plan.timeout,
                           "reps": self.plan.timing_reps}
                    quality.append({**job, "key": key_of("quality", base, metrics_key)})
                    if source.name in timed:
                        timing.append({**job, "key": key_of("timing", base, host, self.plan.timing_reps)})
        return quality, timing

    # The passes -----------------------------------------------------------------------------------------------

    def _keep(self, record, progress):
        progress.step(record["codec"], record.pop("seconds"))
        if "error" in record:
            self.problem(f"{record['kind']} failed", f"{record['codec']} q={record['q']} {record['file']}",
                         record["error"])
        else:
            self.cache.put(record)

    def quality_pass(self, todo):
        workers = max(1, min(self.plan.jobs or os.cpu_count() or 1, len(todo)))
        progress = Progress("quality", [j["codec"].name for j in todo], workers, self.plan.quiet)
        # Fresh interpreters: OpenMP in libraries of the metrics can hang in forks of a process that has used it.
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=task.start_worker,
                                   initargs=(self.plan.lpips,))
        waiting, running = list(reversed(todo)), set()
        try:
            while (waiting and not self.stopping) or running:
                # A short queue: on an interruption only what has begun is waited for.
                while waiting and len(running) < workers and not self.stopping:
                    running.add(pool.submit(task.quality, waiting.pop()))
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    self._keep(future.result(), progress)
        except BrokenProcessPool:
            self.problem("worker ended", "quality pass", "a worker process was killed (out of memory?); run again to "
                         "go on, with --jobs 1 if it happens again")
        finally:
            progress.close()
            pool.shutdown(wait=True, cancel_futures=True)
        if self.stopping:
            raise Interrupted

    def timing_pass(self, todo):
        progress = Progress("timing", [j["codec"].name for j in todo], 1, self.plan.quiet)
        for job in todo:
            if self.stopping:
                progress.close()
                raise Interrupted
            self._keep(task.timing(job), progress)
        progress.close()

    def _stop(self, *_):
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True
        self.note("stopping: the points in progress are finished first (again to stop at once)")

    def go(self):
        """-> exit status: 0 all done, 3 done with problems, 130 interrupted"""
        plan, begin = self.plan, time.time()
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # one worker, one core
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("NUMBA_NUM_THREADS", "1")
        sources, chosen = self.load_files(), self.load_codecs()
        if not sources:
            self.problem("no files", plan.data.name, f"no readable file of the suite {plan.suite}")
        points = self.load_published()
        self.check_metrics()
        quality, timing = self.jobs_for(chosen, sources)
        head = {"format": FORMAT, "suite": plan.suite, "data": plan.data.resolve().name, "started": begin,
                "files": [s.values() for s in sources], "machine": machine.describe(), "published": points,
                "codecs": [describe(c, v, plan.settings) for c, v in chosen],
                "points": [j["key"] for j in quality], "timings": [j["key"] for j in timing],
                "settings": {"threads": plan.settings.threads, "intra_period": plan.settings.intra_period,
                             "timing_reps": plan.timing_reps, "frames": plan.frames, "seconds": plan.seconds,
                             "crop": plan.crop}}
        todo = [j for j in quality if j["key"] not in self.cache]
        clock = [j for j in timing if j["key"] not in self.cache]
        self.say(f"{len(sources)} files, {len(chosen)} codecs: {len(quality)} points ({len(quality) - len(todo)} "
                 f"known), {len(timing)} timings ({len(timing) - len(clock)} known)")
        previous = {s: signal.signal(s, self._stop) for s in (signal.SIGINT, signal.SIGTERM)}
        status = 0
        try:
            self.save(head)
            if todo:
                self.quality_pass(todo)
            self.timing_pass(clock)
        except (Interrupted, KeyboardInterrupt):
            status = 130
            self.note("interrupted; the same command goes on from here")
        finally:
            for s, handler in previous.items():
                signal.signal(s, handler)
            self.save(head)
            self.cache.close()
        if status == 0:
            self.say(f"done in {duration(time.time() - begin)}" +
                     (f", {len(self.problems)} problem(s)" if self.problems else ""))
            status = 3 if self.problems else 0
        return status

    def save(self, head):
        write_whole(self.plan.out / "run.json",
                    json.dumps({**head, "finished": time.time(), "problems": self.problems}, indent=1))

    def load_published(self):
        found = []
        for path in self.plan.published:
            entries, problems = published.load(path, self.plan.published_names)
            found += entries
            for text in problems:
                self.problem("published points", "published", text)
        return found

    def check_metrics(self):
        """Optional metrics that this machine lacks: said, but no failure."""
        if self.plan.suite == "audio":
            for metric, advice in metrics_audio.available().items():
                self.note(f"{metric} is not measured: {advice}")
        if self.plan.suite == "video":
            for name, filter_name in metrics_video.FILTERS.items():
                if name not in metrics_video.filters():
                    self.note(f"{name} is not measured: this ffmpeg has no filter {filter_name}")


def describe(codec, version, settings):
    """A codec as run.json and the report have it. The commands are shown with {in}, {out}, {q} left open."""
    open_values = {k: f"{{{k}}}" for k in ("in", "out", "q", "width", "height", "rate", "channels", "fps", "frames",
                                           "name", "samples", "sha256", "limits")}
    values = {**open_values, "threads": settings.threads, "intra": settings.intra_period}
    # Programs are shown by name: where they lie says nothing about the result.
    shown = [codecs.fill((Path(t[0]).name, *t[1:]), values) for t in (codec.encode, codec.decode)]
    return {"name": codec.name, "label": codec.label, "version": version, "note": codec.note,
            "encode": " ".join(shown[0]), "decode": " ".join(shown[1]), "qualities": list(codec.qualities),
            "extension": codec.extension, "output": codec.output, "source": codec.source,
            "decode_command": list(codec.decode)}
