"""Names, options and text files of codecs."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import common
from rdlib import codecs, published

SETTINGS = codecs.Settings()


class Names(unittest.TestCase):
    def test_options(self):
        codec = codecs.find("avif:speed=4:subsampling=420", "images", SETTINGS)
        self.assertEqual(codec.name, "avif:speed=4:subsampling=420")
        self.assertIn("4", codec.encode[codec.encode.index("-s") + 1])
        self.assertNotEqual(codec.key(), codecs.find("avif", "images", SETTINGS).key())

    def test_tessera_audio(self):
        codec = codecs.find("tessera:sound:delay=low", "audio", SETTINGS)
        encode = codecs.fill(codec.encode, {"in": "a.wav", "out": "a.tsr", "q": "6", "threads": 1})
        self.assertEqual(encode[1:8], ["encode", "a.wav", "a.tsr", "--model", "sound", "--bitrate", "6k"])
        self.assertIn("--low-delay", encode)
        self.assertTrue(codec.keeps_time)
        values = {"in": "a.tsr", "out": "b.wav", "threads": 1, "rate": 16000, "channels": 2}
        self.assertEqual(codecs.fill(codec.decode, values)[-3:], ["16000", "2", "b.wav"])
        self.assertEqual(codecs.find("tessera", "audio", SETTINGS).qualities[0], "0.75")
        codec = codecs.find("tessera:speech:effort=8:rates=1.5+6", "audio", SETTINGS)
        self.assertEqual((codec.label, codec.qualities), ("Tessera speech effort 8", ("1.5", "6")))
        self.assertEqual(codec.encode[codec.encode.index("--effort") + 1], "8")
        for bad in ("delay=none", "rates=6k", "rates=6+", "rates=-1"):
            with self.assertRaises(codecs.CodecError):
                codecs.find(f"tessera:speech:{bad}", "audio", SETTINGS)

    def test_tessera_video(self):
        codec = codecs.find("tessera:motion:effort=3", "video", codecs.Settings(intra_period=48))
        encode = codecs.fill(codec.encode, {"in": "a.y4m", "out": "a.tsr", "q": "26", "threads": 1, "intra": 48})
        self.assertEqual(encode[1:8], ["encode", "a.y4m", "a.tsr", "--model", "motion", "--quality", "26"])
        self.assertEqual(encode[encode.index("--keyint") + 1], "48")
        self.assertIn("--no-scenecut", encode)
        self.assertEqual(codecs.find("tessera", "video", SETTINGS).label, "Tessera motion-lite")
        with self.assertRaises(codecs.CodecError):
            codecs.find("tessera:motion:delay=low", "video", SETTINGS)

    def test_tessera(self):
        codec = codecs.find("tessera:still:effort=7", "images", SETTINGS)
        self.assertEqual(codec.label, "Tessera still effort 7")
        self.assertEqual(codec.encode[codec.encode.index("--model") + 1], "still")

    def test_refused(self):
        for name, text in (("gif", "no codec 'gif'"), ("jpeg:size=3", "no option 'size'"),
                           ("jpeg:subsampling=411", "one of 420"), ("jpeg:fast", "unexpected 'fast'"),
                           ("x264", "no codec 'x264'")):
            with self.assertRaisesRegex(codecs.CodecError, text):
                codecs.find(name, "images", SETTINGS)

    def test_every_template_can_be_filled(self):
        from rdlib import codecs_audio, codecs_image, codecs_video
        values = dict.fromkeys(("in", "out", "q", "threads", "intra", "rate", "channels"), "1")
        for suite, known in (("images", codecs_image.CODECS), ("video", codecs_video.CODECS),
                             ("audio", codecs_audio.CODECS)):
            for name in known:
                codec = codecs.find(name, suite, SETTINGS)
                for template in (codec.encode, codec.decode):
                    self.assertFalse([p for p in codecs.fill(template, values) if "{" in p])
                self.assertGreaterEqual(len(codec.qualities), 8)

    def test_pick(self):
        self.assertEqual(codecs.pick(range(64), 8), (0, 9, 18, 27, 36, 45, 54, 63))
        self.assertEqual(codecs.pick("abc", 0), ("a", "b", "c"))
        self.assertEqual(codecs.pick("abc", 9), ("a", "b", "c"))
        self.assertEqual(codecs.pick("abc", 1), ("b",))

    def test_missing_program_names_the_package(self):
        with mock.patch("shutil.which", return_value=None):
            for name, package in (("jpeg", "libjpeg-turbo-progs"), ("webp", "webp"), ("avif", "libavif-bin"),
                                  ("jxl", "libjxl-tools"), ("hevc-intra", "ffmpeg")):
                with self.assertRaisesRegex(codecs.CodecMissing, f"Debian package {package} "):
                    codecs.find(name, "images", SETTINGS).version()

    def test_ffmpeg_without_an_encoder(self):
        codec = codecs.find("x265", "video", SETTINGS)
        with mock.patch("shutil.which", return_value="/bin/true"), \
                mock.patch("rdlib.process.text_of", return_value=" V..... libx264 H.264"):
            with self.assertRaisesRegex(codecs.CodecMissing, "without the encoder libx265"):
                codec.version()


class External(unittest.TestCase):
    GOOD = 'encode = "enc -q {q} {in} {out}"\ndecode = "dec {in} \'{out}\' {here}/x"\nqualities = [1, 2.5]\n'

    def load(self, text, suite="images"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mine.toml"
            path.write_text(text)
            return codecs.find(str(path), suite, SETTINGS), folder

    def test_good(self):
        codec, folder = self.load(self.GOOD + 'label = "Mine"\n')
        self.assertEqual((codec.name, codec.label, codec.qualities), ("mine", "Mine", ("1", "2.5")))
        self.assertEqual(codec.encode, ("enc", "-q", "{q}", "{in}", "{out}"))
        self.assertEqual(codec.decode[-1], f"{Path(folder).resolve()}/x")

    def test_bad(self):
        for text, why in (("encode = ", "mine.toml"), ('encode = "a {in} {out}"\n', "missing"),
                          (self.GOOD + "sise = 3\n", "unknown field sise"),
                          (self.GOOD.replace("{q}", "{level}"), "unknown placeholder"),
                          (self.GOOD.replace("[1, 2.5]", "[]"), "qualities"),
                          (self.GOOD.replace("[1, 2.5]", "7"), "qualities"),
                          (self.GOOD.replace("enc -q {q} {in} {out}", "enc {q} {in}"), r"no \{out\}"),
                          (self.GOOD.replace("enc -q {q} {in} {out}", "enc '{q} {in} {out}"), "encode"),
                          (self.GOOD.replace('"enc -q {q} {in} {out}"', '""'), "empty"),
                          (self.GOOD + 'source = "tga"\n', "one of png, ppm"),
                          (self.GOOD + 'suite = "video"\n', "of the suite video, not images"),
                          (self.GOOD + 'suite = "3d"\n', "one of images")):
            with self.assertRaisesRegex(codecs.CodecError, why, msg=text):
                self.load(text)
        with self.assertRaises(codecs.CodecError):
            codecs.find("/nonexistent/x.toml", "images", SETTINGS)


class Published(unittest.TestCase):
    def test_reads(self):
        entries, problems = published.load(common.PUBLISHED, ["mlic++", "nothing"])
        self.assertEqual([e["label"] for e in entries], ["MLIC++"])
        self.assertEqual(len(entries[0]["rate"]), 6)
        self.assertIn("no entry 'nothing'", problems[0])

    def test_bad_entries(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "p.json"
            path.write_text('{"a": {"bpp": [1, 2], "psnr": [30]}, "b": {"bpp": [0], "psnr": [3]}, "c": {"bpp": [1]}, '
                            '"d": 3, "e": {"bpp": [1, 2], "psnr": [30, 31], "decode_kmac_per_pixel": 2}}')
            entries, problems = published.load(path, ["all"])
            self.assertEqual([(e["name"], e["kmac"]) for e in entries], [("e", 2)])
            self.assertEqual(len(problems), 4)
            for content in ("", "[]", "{"):
                path.write_text(content)
                with self.assertRaises(published.PublishedError):
                    published.load(path)


if __name__ == "__main__":
    unittest.main()
