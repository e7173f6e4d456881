"""apps/tessera-fit/bd.py: points of overfitted networks against published curves and against a stand-in."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

import common

sys.path.insert(0, str(common.ROOT / "apps" / "tessera-fit"))

import bd as fit_bd  # noqa: E402  (the path is set above)
import video_bd  # noqa: E402

HEAD = "picture,quality,steps,bytes,bpp,psnr,encode_s,decode_s,decode_entropy_s,decode_network_s\n"
RATES, PSNRS = [0.1, 0.3, 0.9, 2.0], [25.0, 29.0, 34.0, 39.0]


def run(*arguments):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        status = fit_bd.main([str(a) for a in arguments])
    return status, text.getvalue()


class FitBd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.points = self.folder / "points.csv"
        self.anchors = self.folder / "anchors.json"
        # Two pictures; the second takes twice the rate at 1 dB less.
        self.each = {"a": list(zip(RATES, PSNRS)), "b": [(2 * r, q - 1) for r, q in zip(RATES, PSNRS)]}
        self.mean = {"bpp": [1.5 * r for r in RATES], "psnr": [q - 0.5 for q in PSNRS]}
        self.write({"bpg": self.mean, "each": {**self.mean, "per_image": self.each}})
        # Ten per cent below at 1000 steps, as good as the anchor at 10.
        self.points.write_text(HEAD + "".join(f"{p},{q},{s},1,{r * f},{d},1,1,1,1\n" for s, f in ((1000, 0.9), (10, 1))
                                              for p, n in enumerate("ab") for q, (r, d) in enumerate(self.each[n])))

    def write(self, anchors):
        self.anchors.write_text(json.dumps(anchors))

    def compare(self, *more):
        return run(self.points, "--anchors", self.anchors, "--names", "a,b", *more)

    def test_each_picture_and_mean(self):
        status, text = self.compare("--anchor", "each")
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("-10.00 %"), 4, text)
        self.assertIn("1000 steps", text)
        self.assertEqual(self.compare("--anchor", "each", "--steps", 10)[1].count("+0.00 %"), 4)

    def test_a_published_mean_needs_all_pictures(self):
        status, text = self.compare("--anchor", "bpg")
        self.assertEqual(status, 2)
        self.assertIn("name a run of a stand-in", text)
        status, text = self.compare("--anchor", "bpg", "--pictures", 2)
        self.assertEqual(status, 0, text)
        self.assertIn("mean curve  -10.00 %", text)

    def test_a_stand_in(self):
        # Everything twenty per cent above the anchor.
        keys = []
        with open(self.folder / "points.jsonl", "w", encoding="utf-8") as out:
            for name, curve in self.each.items():
                for q, (rate, psnr) in enumerate(curve):
                    keys.append(f"{name}{q}")
                    out.write(json.dumps({"key": keys[-1], "codec": "x", "q": str(q), "file": f"{name}.png", "rate": 1.2 * rate,
                                          "metrics": {"psnr_rgb": psnr}}) + "\n")
        (self.folder / "run.json").write_text(json.dumps({
            "suite": "images", "points": keys, "timings": [], "files": [{"name": f"{n}.png"} for n in self.each],
            "codecs": [{"name": "x", "qualities": [str(q) for q in range(4)]}]}))
        status, text = self.compare("--anchor", "bpg", "--run", self.folder, "--pictures", 2)
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("-25.00 %"), 4, text)  # 0.9 / 1.2
        self.assertIn("x against bpg, mean curves of 2 pictures: +20.00 %", text)
        self.assertIn("own): -10.00 %", text)
        self.assertIn("is not known", self.compare("--anchor", "bpg", "--run", self.folder)[1])
        self.assertEqual(self.compare("--anchor", "bpg", "--run", self.folder, "--codec", "y")[0], 2)

    def test_bad_input_is_a_sentence(self):
        for arguments in ((self.folder / "none.csv", "--anchors", self.anchors), (self.points, "--anchors", self.folder / "none.json"),
                          (self.points, "--anchors", self.anchors, "--anchor", "none"), (self.anchors, "--anchors", self.anchors),
                          (self.points, "--anchors", self.anchors, "--anchor", "each", "--names", "a"),
                          (self.points, "--anchors", self.anchors, "--anchor", "each", "--names", "a,b", "--steps", "7"),
                          (self.points, "--anchors", self.anchors, "--anchor", "bpg", "--names", "a,b", "--run", self.folder)):
            status, text = run(*arguments)
            self.assertEqual(status, 2, text)
            self.assertEqual(text.count("\n"), 1, text)

    def test_ideas_of_video(self):
        lines = self.folder / "lines.csv"
        lines.write_text("without,quality,bytes,bpp,psnr\n" + "".join(f"{n},{q},1,{r * f},{d}\n" for n, f in (("nothing", 0.8), ("plain", 1))
                                                                     for q, (r, d) in enumerate(zip(RATES, PSNRS))))
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            self.assertEqual(video_bd.main([str(lines)]), 0)
            self.assertEqual(video_bd.main([str(lines), "--anchor", "sine"]), 2)
            self.assertEqual(video_bd.main([str(self.points)]), 2)
        self.assertIn("| nothing | 0.6600 | 31.75 dB | -20.0 % |", text.getvalue())
        self.assertIn("| plain | 0.8250 | 31.75 dB | +0.0 % | +0.00 dB |", text.getvalue())


if __name__ == "__main__":
    unittest.main()
