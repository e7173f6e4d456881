"""Metrics on signals whose distortion is known."""

import tempfile
import unittest
import wave
from pathlib import Path

import numpy as np
from PIL import Image

import common  # noqa: F401  (sets the path)
from rdlib import lpips, media, metrics_audio, metrics_image, metrics_video, pictures


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)


class Images(Folder):
    def pair(self, change):
        picture = pictures.picture(1, 256, 192)
        Image.fromarray(picture).save(self.path / "a.png")
        Image.fromarray(change(picture)).save(self.path / "b.png")
        return metrics_image.measure(self.path / "a.png", self.path / "b.png")

    def test_identical(self):
        m = self.pair(lambda p: p)
        self.assertEqual(m["psnr_rgb"], metrics_image.PSNR_CAP)
        self.assertAlmostEqual(m["ms_ssim"], 1.0, places=6)
        self.assertAlmostEqual(m["ssimulacra2"], 100.0, places=3)

    def test_known_error(self):
        # One channel off by 4 at every second pixel: MSE over three channels is 16 / 2 / 3.
        def change(p):
            p = p.astype(int)
            p[::2, :, 1] += np.where(p[::2, :, 1] < 128, 4, -4)
            return p.astype(np.uint8)
        m = self.pair(change)
        self.assertAlmostEqual(m["psnr_rgb"], 10 * np.log10(255**2 / (16 / 6)), places=9)
        self.assertAlmostEqual(m["psnr_y"], 10 * np.log10(255**2 / (0.7152**2 * 8)), places=9)

    def test_luma_shift_leaves_chroma(self):
        m = self.pair(lambda p: np.clip(p.astype(int) // 2 + 40, 0, 255).astype(np.uint8))
        self.assertGreater(m["psnr_cb"], m["psnr_y"])

    def test_ms_ssim_against_direct_windows(self):
        # One scale of the definition, written with explicit windows, against the separable filter.
        rng = np.random.default_rng(0)
        a = rng.uniform(0, 255, (40, 40))
        w = np.outer(metrics_image.WINDOW, metrics_image.WINDOW)
        view = np.lib.stride_tricks.sliding_window_view(a, (11, 11))
        np.testing.assert_allclose(metrics_image._blur(a), (view * w).sum(axis=(2, 3)), rtol=1e-9)

    def test_small_picture_has_no_ms_ssim(self):
        Image.new("RGB", (64, 48), (9, 9, 9)).save(self.path / "a.png")
        m = metrics_image.measure(self.path / "a.png", self.path / "a.png")
        self.assertNotIn("ms_ssim", m)

    def test_size_mismatch(self):
        Image.new("RGB", (64, 48)).save(self.path / "a.png")
        Image.new("RGB", (64, 47)).save(self.path / "b.png")
        with self.assertRaisesRegex(media.MediaError, "64 x 47"):
            metrics_image.measure(self.path / "a.png", self.path / "b.png")

    def test_pictures_are_the_same_everywhere(self):
        import hashlib
        self.assertEqual(hashlib.sha256(pictures.picture(1, 256, 192).tobytes()).hexdigest()[:16], "7b0318b36b10ccf8")


class Lpips(Folder):
    def weights(self):
        rng = np.random.default_rng(0)
        shapes = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))
        arrays = {}
        for i, ((n, *_), shape) in enumerate(zip(lpips.LAYERS, shapes)):
            arrays[f"features.{n}.weight"] = rng.normal(0, 0.05, shape)
            arrays[f"features.{n}.bias"] = rng.normal(0, 0.1, shape[0])
            arrays[f"lin{i}"] = rng.random((1, shape[0], 1, 1))
        path = self.path / "weights.npz"
        np.savez(path, **arrays)
        return path

    def test_convolution(self):
        from scipy.signal import correlate
        rng = np.random.default_rng(1)
        x, w, b = rng.normal(size=(3, 37, 41)), rng.normal(size=(5, 3, 5, 5)), rng.normal(size=5)
        found = lpips.convolve(x.astype(np.float32), w.astype(np.float32), b.astype(np.float32), 2, 2)
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2)))
        for o in range(5):
            np.testing.assert_allclose(found[o], correlate(padded, w[o], "valid")[0, ::2, ::2] + b[o], atol=1e-4)

    def test_distance(self):
        net = lpips.Lpips(self.weights())
        picture = pictures.picture(2, 96, 80)
        rng = np.random.default_rng(2)
        noisy = [np.clip(picture + rng.normal(0, s, picture.shape), 0, 255).astype(np.uint8) for s in (5, 40)]
        self.assertEqual(net(picture, picture), 0)
        self.assertLess(net(picture, noisy[0]), net(picture, noisy[1]))

    def test_bad_weights(self):
        for content in (b"", b"not an archive"):
            (self.path / "bad.npz").write_bytes(content)
            with self.assertRaisesRegex(ValueError, "no usable LPIPS weights"):
                lpips.Lpips(self.path / "bad.npz")


def write_wav(path, samples, rate):
    with wave.open(str(path), "wb") as f:
        f.setnchannels(samples.shape[1])
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


class Audio(Folder):
    def signal(self, rate=16000, seconds=2.0):
        t = np.arange(int(rate * seconds)) / rate
        rng = np.random.default_rng(0)
        x = 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t) * (0.5 + 0.5 * np.sin(9 * t)) + 0.02 * rng.normal(size=t.size)
        return x[:, None], rate

    def test_alignment(self):
        x, rate = self.signal()
        for lag in (-700, 0, 331):
            late = np.concatenate([np.zeros((lag, 1)), x]) if lag > 0 else x[-lag:]
            a, b, found = metrics_audio.align(x, late, rate)
            self.assertEqual(found, lag)
            np.testing.assert_array_equal(a[:1000], b[:1000])

    def test_time_is_kept_where_the_codec_keeps_it(self):
        x, rate = self.signal()
        with tempfile.TemporaryDirectory() as folder:
            original, late = Path(folder) / "a.wav", Path(folder) / "b.wav"
            for path, samples in ((original, x), (late, np.concatenate([np.zeros((300, 1)), x]))):
                with wave.open(str(path), "wb") as f:
                    f.setparams((1, 2, rate, 0, "NONE", ""))
                    f.writeframes((np.clip(samples, -1, 1) * 20000).astype("<i2").tobytes())
            self.assertAlmostEqual(metrics_audio.measure(original, late)["delay_ms"], 300000 / rate, delta=0.1)
            kept = metrics_audio.measure(original, late, keeps_time=True)
            self.assertEqual(kept["delay_ms"], 0)
            self.assertLess(kept["si_sdr"], 10)

    def test_si_sdr(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=100000)
        noise = rng.normal(size=100000)
        # Scaling does not matter; the ratio is that of the powers.
        self.assertAlmostEqual(metrics_audio.si_sdr(x, 0.3 * (x + 0.1 * noise)), 20, delta=0.1)

    def test_distances(self):
        x, rate = self.signal()
        rng = np.random.default_rng(1)
        self.assertEqual(metrics_audio.mel_distance(x[:, 0], x[:, 0], rate), 0)
        self.assertEqual(metrics_audio.multi_stft(x[:, 0], x[:, 0]), 0)
        near, far = (x[:, 0] + s * rng.normal(size=len(x)) for s in (0.003, 0.05))
        for measure in (lambda a, b: metrics_audio.mel_distance(a, b, rate), metrics_audio.multi_stft):
            self.assertLess(measure(x[:, 0], near), measure(x[:, 0], far))

    def test_all_metrics(self):
        x, rate = self.signal()
        write_wav(self.path / "a.wav", x, rate)
        write_wav(self.path / "b.wav", x + 0.01 * np.random.default_rng(2).normal(size=x.shape), rate)
        m = metrics_audio.measure(self.path / "a.wav", self.path / "b.wav")
        expected = {"mel", "mrstft", "si_sdr", "stoi", "visqol"} - set(metrics_audio.available())
        self.assertLessEqual(expected, set(m))

    def test_cut_short(self):
        x, rate = self.signal()
        write_wav(self.path / "a.wav", x, rate)
        write_wav(self.path / "b.wav", x[:len(x) // 2], rate)
        with self.assertRaisesRegex(media.MediaError, "samples"):
            metrics_audio.measure(self.path / "a.wav", self.path / "b.wav")


class Video(Folder):
    def write(self, name, frames, header="YUV4MPEG2 W18 H10 F25:1 C420jpeg"):
        data = header.encode() + b"\n"
        for y, cb, cr in frames:
            data += b"FRAME\n" + y.tobytes() + cb.tobytes() + cr.tobytes()
        (self.path / name).write_bytes(data)
        return self.path / name

    def frames(self, count, value=100):
        return [(np.full((10, 18), value, np.uint8), np.full((5, 9), 90, np.uint8), np.full((5, 9), 80, np.uint8))
                for _ in range(count)]

    def test_weights_of_the_planes(self):
        a, b = self.frames(2), self.frames(2, 102)
        out, frames = metrics_video.measure(self.write("a", a), self.write("b", b), self.path / "log") \
            if not metrics_video.filters() else (None, None)
        if out is None:
            self.skipTest("ffmpeg's filters want real pictures")
        y = 10 * np.log10(255**2 / 4)
        self.assertAlmostEqual(out["psnr_y"], y, places=5)
        self.assertAlmostEqual(out["psnr_yuv"], (6 * y + 200) / 8, places=5)
        self.assertEqual(len(frames), 2)

    def test_frame_counts(self):
        a = self.write("a", self.frames(3))
        for count, text in ((2, "fewer"), (4, "more")):
            with self.assertRaisesRegex(media.MediaError, text):
                metrics_video.measure(a, self.write("b", self.frames(count)), self.path / "log")

    def test_damaged_files(self):
        good = self.write("a", self.frames(1)).read_bytes()
        for name, data in (("cut", good[:-3]), ("magic", b"X" + good), ("frame", good.replace(b"FRAME", b"BRAME")),
                           ("deep", good.replace(b"C420jpeg", b"C420p10")), ("empty", b"")):
            path = self.path / name
            path.write_bytes(data)
            with self.assertRaises(media.MediaError, msg=name), media.Y4M(path) as video:
                list(video)


if __name__ == "__main__":
    unittest.main()
