"""Whole runs on the project's own pictures: results, resuming, bad input, the regression guard."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import common
from common import HERE, call
from rdlib import curves, pictures
from rdlib.cache import Cache


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)
        self.data, self.out = self.path / "data", self.path / "out"
        pictures.write(self.data, 3, 80, 64)

    def fake(self, name="fake", qualities=(1, 2, 4, 8), **options):
        """A text file for the fake codec. -> its path"""
        flags = " ".join(f"--{k}" + ("" if v is True else f" {v}") for k, v in options.items())
        base = f"'{sys.executable}' '{HERE / 'fake_codec.py'}'"
        path = self.path / f"{name}.toml"
        path.write_text(f'label = "{name}"\nencode = """{base} encode -q {{q}} {flags} {{in}} {{out}}"""\n'
                        f'decode = """{base} decode {"--odd" if "odd" in options else ""} {{in}} {{out}}"""\n'
                        f'qualities = {list(qualities)}\n')
        return path

    def run_rd(self, *codecs, extra=(), report=False):
        return call("run", "--suite", "images", "--data", self.data, "--out", self.out, "--codecs",
                    ",".join(map(str, codecs)), "--quiet", "--timing-files", 1, "--timing-reps", 1, "--jobs", 2, *extra,
                    *([] if report else ["--no-report"]))

    def results(self):
        return curves.Results(self.out)


class Runs(Folder):
    def test_points_timings_and_resume(self):
        status, text = self.run_rd(self.fake())
        self.assertEqual(status, 0, text)
        r = self.results()
        self.assertEqual((len(r.points), len(r.timings), r.missing), (12, 4, 0))
        for p in r.points:
            stream = self.out / "streams" / p["stream"]
            self.assertEqual(8 * stream.stat().st_size, p["bits"])
            self.assertAlmostEqual(p["rate"], p["bits"] / (80 * 64))
        for t in r.timings:
            self.assertGreater(t["encode_s"], 0)
            self.assertGreater(t["encode_kib"], 5000)
        before = (self.out / "points.jsonl").read_text()
        begin = time.monotonic()
        self.assertEqual(self.run_rd(self.fake())[0], 0)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual((self.out / "points.jsonl").read_text(), before)

    def test_another_version_is_measured_again(self):
        self.run_rd(self.fake())
        first = (self.out / "points.jsonl").read_text().count("\n")
        self.run_rd(self.fake(worse=10))
        self.assertGreater((self.out / "points.jsonl").read_text().count("\n"), first)
        self.assertEqual(len(self.results().points), 12)

    def test_changed_file_is_measured_again(self):
        self.run_rd(self.fake())
        shutil.copy(self.data / "picture-1.png", self.path / "keep.png")
        pictures.write(self.path / "more", 4, 80, 64)
        shutil.copy(self.path / "more" / "picture-4.png", self.data / "picture-1.png")
        self.run_rd(self.fake())
        keys = [json.loads(line)["key"] for line in (self.out / "points.jsonl").read_text().splitlines()]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual(len(keys), 16 + 4)  # picture-2 is the one that is timed

    def test_damaged_cache_line(self):
        self.run_rd(self.fake())
        path = self.out / "points.jsonl"
        path.write_bytes(path.read_bytes()[:-40])  # as after a power cut
        status, text = self.run_rd(self.fake())
        self.assertIn("1 damaged line", text)
        self.assertEqual((status, self.results().missing, self.results().missing_timings), (0, 0, 0))

    def test_interrupted(self):
        command = [sys.executable, str(common.ROOT / "apps/rd/rd.py"), "run", "--suite", "images", "--data",
                   str(self.data), "--out", str(self.out), "--codecs", str(self.fake(slow=0.4)), "--jobs", "1",
                   "--timing-files", "0", "--no-report"]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        cache = self.out / "points.jsonl"
        while not (cache.exists() and cache.read_text().count("\n") >= 2):
            self.assertIsNone(child.poll())
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        text = child.communicate(timeout=60)[1]
        self.assertEqual(child.returncode, 130, text)
        done = cache.read_text().count("\n")
        self.assertLess(done, 12)
        self.assertNotIn("failed", (self.out / "run.json").read_text())
        self.assertFalse(list((self.out / "work").glob("rd-*")))
        again = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(f"({done} known)", again.stderr)
        self.assertEqual(cache.read_text().count("\n"), 12)

    @unittest.skipUnless(shutil.which("cjpeg"), "needs libjpeg-turbo-progs")
    def test_memory_is_that_of_the_program(self):
        # A worker that has grown large must not show in the figures of a small program.
        ballast = bytearray(200 << 20)
        from rdlib import process
        usage = process.run(["true"], self.path / "log")
        self.assertLess(usage.peak_kib, 60 << 10)
        del ballast

    @unittest.skipUnless(shutil.which("cjpeg") and shutil.which("cwebp"), "needs libjpeg-turbo-progs and webp")
    def test_jpeg_and_webp(self):
        shutil.rmtree(self.data)
        pictures.write(self.data, 2, 192, 176)
        status, text = self.run_rd("jpeg", "webp", extra=["--qualities", "4", "--published", common.PUBLISHED],
                                   report=True)
        self.assertEqual(status, 0, text)
        page = (self.out / "report.html").read_text()
        for part in ("JPEG 4:2:0", "cwebp -v -q {q}", "MLIC++", "ms_ssim_db", "data:image/png;base64,"):
            self.assertIn(part, page)
        self.assertNotIn("@DATA@", page)
        for form in ("svg", "png"):
            self.assertGreater((self.out / "plots" / f"rd-psnr_rgb.{form}").stat().st_size, 5000)
        self.assertIn("bd", json.loads((self.out / "summary.json").read_text()))


class BadInput(Folder):
    def problems(self):
        return {(p["kind"], p["where"]): p["text"] for p in self.results().run["problems"]}

    def test_missing_encoder_is_skipped(self):
        status, text = self.run_rd(self.fake(), "tessera:still", extra=["--tessera", self.path / "tessera"],
                                   report=True)
        self.assertEqual(status, 3)
        self.assertIn("is not built", text)
        self.assertIn(("codec skipped", "tessera:still"), self.problems())
        self.assertIn("is not built", (self.out / "report.html").read_text())
        self.assertEqual(len(self.results().points), 12)

    def test_unreadable_and_duplicate_files(self):
        (self.data / "picture-0.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
        (self.data / "picture-9.png").write_bytes((self.data / "picture-2.png").read_bytes())
        status, text = self.run_rd(self.fake())
        self.assertEqual(status, 3)
        self.assertIn(("unreadable file", "picture-0.png"), self.problems())
        self.assertIn(("duplicate file", "picture-9.png"), self.problems())
        self.assertEqual(len(self.results().points), 12)

    def test_failing_encoder(self):
        status, text = self.run_rd(self.fake(fail=4), report=True)
        self.assertEqual(status, 3)
        self.assertIn("no such quality", text)
        r = self.results()
        self.assertEqual(len(r.points), 9)
        rate, _, settings = curves.mean_curve(r, "fake", r.metrics[0])
        self.assertEqual(settings, ["1", "2", "8"])
        self.assertIn("no such quality", (self.out / "report.html").read_text())
        # Failures are not cached: a repaired codec is tried again.
        self.assertEqual(self.run_rd(self.fake())[0], 0)

    def test_decoder_that_changes_the_size(self):
        status, text = self.run_rd(self.fake(odd=True))
        self.assertEqual(status, 3)
        self.assertIn("decoded picture is 80 x 63, not 80 x 64", text)

    def test_encoder_that_hangs(self):
        status, text = self.run_rd(self.fake(qualities=[1], slow=30), extra=["--timeout", "1", "--limit", "1",
                                                                              "--timing-files", "0"])
        self.assertEqual(status, 3)
        self.assertIn("stopped after 1 s", text)

    def test_curves_apart_and_not_monotonic(self):
        status, text = self.run_rd(self.fake("low", (1, 2)), self.fake("high", (16, 32)),
                                   self.fake("flat", (1, 2, 4), flat=True), report=True)
        self.assertEqual(status, 3)
        self.assertRegex(text, "high with low: .*no overlap")
        self.assertRegex(text, "flat: .*usable")
        self.assertIn("no overlap", (self.out / "report.html").read_text())

    def test_usage(self):
        fake = self.fake()
        for arguments, message in ((("run", "--suite", "images", "--data", self.path / "none", "--out", self.out,
                                     "--codecs", fake), "no such folder"),
                                   (("run", "--suite", "images", "--data", self.data, "--out", self.out, "--codecs",
                                     "gif"), "no codec 'gif'"),
                                   (("run", "--suite", "images", "--data", self.data, "--out", self.out, "--codecs",
                                     f"{fake},{fake}"), "named twice"),
                                   (("run", "--suite", "images", "--data", self.data, "--out", self.out, "--codecs",
                                     fake, "--qualities", "0"), "not within"),
                                   (("run", "--suite", "images", "--data", self.data, "--out", self.out, "--codecs",
                                     fake, "--lpips-weights", self.path / "none.npz"), "no usable LPIPS weights"),
                                   (("report", self.path), "no results"),
                                   (("pictures", self.path, "--size", "big"), "not WIDTHxHEIGHT"),
                                   (("check", "--baseline", self.path / "none", self.path), "no results")):
            status, text = call(*arguments)
            self.assertEqual(status, 2, text)
            self.assertIn(message, text)

    def test_empty_folder(self):
        for path in self.data.iterdir():
            path.unlink()
        status, text = self.run_rd(self.fake(), report=True)
        self.assertEqual(status, 3)
        self.assertIn("no readable file", text)
        self.assertTrue((self.out / "report.html").exists())


class Guard(Folder):
    def test_check(self):
        self.run_rd(self.fake())
        baseline = self.path / "baseline.json"
        self.assertEqual(call("baseline", self.out, "--out", baseline, "--margin", 2)[0], 0)
        status, text = call("check", "--baseline", baseline, self.out)
        self.assertEqual(status, 0)
        self.assertRegex(text, r"fake +PSNR RGB +[+-]0\.00 % +ok")

        # 3 % more bytes at every point: outside 2 %, inside 5 %.
        data = json.loads(baseline.read_text())
        entry = data["codecs"]["fake"]["psnr_rgb"]
        entry["rate"] = [r / 1.03 for r in entry["rate"]]
        baseline.write_text(json.dumps(data))
        status, text = call("check", "--baseline", baseline, self.out)
        self.assertEqual(status, 1)
        self.assertRegex(text, r"\+3\.00 % +worse")
        self.assertEqual(call("check", "--baseline", baseline, "--margin", 5, self.out)[0], 0)

        entry["rate"] = [r * 1.1 for r in entry["rate"]]
        baseline.write_text(json.dumps(data))
        self.assertIn("better", call("check", "--baseline", baseline, self.out)[1])

        # What cannot be compared is no success.
        data["codecs"] = {"other": data["codecs"]["fake"]}
        baseline.write_text(json.dumps(data))
        self.assertEqual(call("check", "--baseline", baseline, self.out)[0], 2)
        data["files"]["picture-1.png"] = "0" * 64
        baseline.write_text(json.dumps(data))
        status, text = call("check", "--baseline", baseline, self.out)
        self.assertEqual(status, 2)
        self.assertIn("other files than in the baseline: picture-1.png", text)
        for content in ("", "{}", '{"format": 99}'):
            baseline.write_text(content)
            self.assertEqual(call("check", "--baseline", baseline, self.out)[0], 2)


class CacheFile(Folder):
    def test_round_trip(self):
        cache = Cache(self.path / "c" / "x.jsonl")
        cache.put({"key": "a", "v": 1})
        cache.put({"key": "a", "v": 2})
        cache.close()
        with open(self.path / "c" / "x.jsonl", "a") as f:
            f.write('{"key": "b", "v"')
        cache = Cache(self.path / "c" / "x.jsonl")
        self.assertEqual((cache.get("a")["v"], "b" in cache, cache.damaged), (2, False, 1))
        cache.put({"key": "c"})
        cache.close()
        self.assertIn("c", Cache(self.path / "c" / "x.jsonl").records)


@unittest.skipUnless(shutil.which("ffmpeg"), "needs ffmpeg")
class OtherSuites(Folder):
    def test_video(self):
        movie = self.path / "movie"
        movie.mkdir()
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=192x176:rate=25", "-frames:v", "6",
                        "-pix_fmt", "yuv420p", movie / "a.y4m"], check=True)
        status, text = call("run", "--suite", "video", "--data", movie, "--out", self.out, "--codecs",
                            "x264,svtav1,x264:structure=lowdelay", "--qualities", 3, "--intra-period", 4, "--quiet",
                            "--timing-files", 0)
        self.assertEqual(status, 0, text)
        for p in self.results().points:
            self.assertEqual(len(p["frames"]), 6)
            total = sum(f["bits"] for f in p["frames"])
            self.assertLessEqual(total, p["bits"])
            self.assertGreater(total, 0.7 * p["bits"])  # the rest is parameter sets
            self.assertEqual([i for i, f in enumerate(p["frames"]) if f["type"] == "I"], [0, 4], p["codec"])
        low = next(p for p in self.results().points if p["codec"].endswith("lowdelay"))
        self.assertNotIn("B", [f["type"] for f in low["frames"]])

    def test_audio(self):
        from test_metrics import Audio, write_wav
        sound = self.path / "sound"
        sound.mkdir()
        x, rate = Audio.signal(None, 24000, 2.0)
        write_wav(sound / "a.wav", x, rate)
        status, text = call("run", "--suite", "audio", "--data", sound, "--out", self.out, "--codecs", "opus",
                            "--qualities", 2, "--jobs", 1, "--quiet", "--timing-files", 0)
        self.assertEqual(status, 0, text)
        for p in self.results().points:
            self.assertAlmostEqual(p["rate"], p["bits"] / 2000)
            self.assertIn("mel", p["metrics"])
        self.assertIn("Mel distance", (self.out / "report.html").read_text())


if __name__ == "__main__":
    unittest.main()
