"""Bjontegaard deltas: against the field's package, against published figures, and at the edges."""

import json
import unittest
import warnings

import numpy as np

import common
from rdlib import bd

DATA = json.loads(common.PUBLISHED.read_text())


def points(name):
    return DATA[name]["bpp"], DATA[name]["psnr"]


class Package(unittest.TestCase):
    def test_agrees_with_bjontegaard(self):
        import bjontegaard
        rng = np.random.default_rng(3)
        pairs = [(points(a), points(b)) for a in DATA for b in DATA if a != b]
        for _ in range(200):  # monotone random curves of 2 to 12 points
            pair = []
            for _ in range(2):
                n = int(rng.integers(2, 13))
                pair.append((np.cumsum(rng.uniform(0.02, 0.5, n)), 25 + np.cumsum(rng.uniform(0.05, 4.0, n))))
            pairs.append(tuple(pair))
        compared = 0
        for (ra, qa), (rt, qt) in pairs:
            for method in bd.METHODS:
                if method == "akima" and min(len(ra), len(rt)) < 3:
                    continue  # the package's two-point fallback cannot integrate
                for own, other in ((bd.bd_rate, bjontegaard.bd_rate), (bd.bd_quality, bjontegaard.bd_psnr)):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        expected = other(ra, qa, rt, qt, method, require_matching_points=False)
                    try:
                        found = own(ra, qa, rt, qt, method).value
                    except bd.CurveError:
                        self.assertTrue(np.isnan(expected))
                        continue
                    # The package gives large percentages for distant curves: the bound is relative there.
                    self.assertLess(abs(found - expected), 1e-6 * max(1, abs(expected) / 100))
                    compared += 1
        self.assertGreater(compared, 300)


class Published(unittest.TestCase):
    def test_mlicpp_against_vtm(self):
        delta = bd.bd_rate(*points("vtm_9.1_intra"), *points("mlic++"))
        self.assertAlmostEqual(delta.value, -15.0, delta=0.2)
        self.assertAlmostEqual(delta.low, 29.161)
        self.assertAlmostEqual(delta.high, 37.3229)

    def test_command(self):
        status, text = common.call("bd", common.PUBLISHED, "vtm_9.1_intra", "mlic++")
        self.assertEqual(status, 0)
        self.assertIn("-15.02 %", text)
        self.assertEqual(common.call("bd", common.PUBLISHED, "vtm_9.1_intra", "nothing")[0], 2)


class Edges(unittest.TestCase):
    rate, quality = [0.1, 0.2, 0.4, 0.8], [28.0, 30.5, 33.0, 36.0]

    def test_same_curve(self):
        for method in bd.METHODS:
            self.assertAlmostEqual(bd.bd_rate(self.rate, self.quality, self.rate, self.quality, method).value, 0)
            self.assertEqual(bd.bd_rate(self.rate, self.quality, self.rate, self.quality, method).overlap, 1)

    def test_half_the_rate(self):
        half = [r / 2 for r in self.rate]
        for method in bd.METHODS:
            self.assertAlmostEqual(bd.bd_rate(self.rate, self.quality, half, self.quality, method).value, -50)

    def test_one_decibel_more(self):
        better = [q + 1 for q in self.quality]
        self.assertAlmostEqual(bd.bd_quality(self.rate, self.quality, self.rate, better).value, 1)

    def test_no_overlap(self):
        with self.assertRaisesRegex(bd.CurveError, "no overlap"):
            bd.bd_rate(self.rate, self.quality, self.rate, [q + 20 for q in self.quality])

    def test_non_monotonic_points_are_dropped(self):
        r, q, dropped = bd.usable([0.1, 0.2, 0.3, 0.8], [28, 31, 30.9, 36])
        self.assertEqual((list(r), list(q), dropped), ([0.1, 0.2, 0.8], [28, 31, 36], 1))

    def test_unusable(self):
        for rate, quality in (([], []), ([1], [30]), ([1, 2], [30, 30]), ([0, -1], [30, 31]),
                              ([1, 2], [float("nan"), 30])):
            with self.assertRaises(bd.CurveError):
                bd.bd_rate(self.rate, self.quality, rate, quality)

    def test_unsorted_input(self):
        a = bd.bd_rate(self.rate, self.quality, self.rate[::-1], self.quality[::-1])
        self.assertAlmostEqual(a.value, 0)


class Averages(unittest.TestCase):
    def test_similarity_is_averaged_before_decibels(self):
        from rdlib import metrics
        metric = metrics.of("images", "ms_ssim_db")
        quality = np.array([[10.0], [20.0]])  # MS-SSIM 0.9 and 0.99
        self.assertAlmostEqual(metric.average(quality, np.array([0.5, 0.5]))[0], -10 * np.log10(1 - 0.945))
        self.assertAlmostEqual(metrics.of("images", "psnr_rgb").average(quality, np.array([0.5, 0.5]))[0], 15)

    def test_band_holds_the_mean_and_narrows_with_more_files(self):
        from rdlib import curves, metrics
        metric, rng, widths = metrics.of("images", "psnr_rgb"), np.random.default_rng(0), []
        for files in (4, 64):
            rate = np.array([[0.1, 0.2, 0.4, 0.8]]) * rng.uniform(0.7, 1.4, (files, 1))
            quality = np.array([[28.0, 31, 34, 37]]) + rng.normal(0, 2, (files, 1))
            grid, low, high = curves.band(rate, quality, curves.draw(files), metric)
            mean = bd.pchip(np.log(rate.mean(axis=0)), quality.mean(axis=0))(np.log(grid))
            self.assertTrue(np.all(low <= mean + 0.2) and np.all(mean <= high + 0.2))
            widths.append(float(np.mean(high - low)))
        self.assertLess(widths[1], widths[0] / 2)


if __name__ == "__main__":
    unittest.main()
