"""The report in a real browser: nothing fails, nothing is fetched, and what can be clicked does what it says, at
desktop and telephone width, light and dark. With RD_SHOTS=DIR the pages are also photographed into that folder."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path

import browser
import common
from common import call
from rdlib import pictures

SIZES = {"desktop": (1280, 900, False), "phone": (390, 844, True)}


@unittest.skipUnless(browser.find(), "needs chromium")
@unittest.skipUnless(shutil.which("cjpeg") and shutil.which("cwebp"), "needs libjpeg-turbo-progs and webp")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        path = Path(cls.folder.name)
        pictures.write(path / "data", 3, 192, 176)
        status, text = call("run", "--suite", "images", "--data", path / "data", "--out", path / "out", "--codecs",
                            "jpeg,webp,jpeg:subsampling=444", "--qualities", 4, "--quiet", "--timing-reps", 1,
                            "--published", common.PUBLISHED, "--published-codecs", "vtm_9.1_intra,mlic++")
        assert status == 0, text
        cls.page = path / "out" / "report.html"
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, size, dark=False):
        width, height, phone = SIZES[size]
        self.browser.open(self.page, width, height, dark, phone)

    def check_faults(self):
        self.assertEqual(self.browser.faults(), [])

    def column(self, table, index):
        return self.browser.js(f"[...document.querySelectorAll('#{table} tbody tr')]"
                               f".map(r => r.children[{index}].firstChild.textContent)")

    def test_fits_and_fetches_nothing(self):
        for size, (width, _, _) in SIZES.items():
            for dark in (False, True):
                with self.subTest(size=size, dark=dark):
                    self.open(size, dark)
                    self.check_faults()
                    self.assertLessEqual(self.browser.js("document.documentElement.scrollWidth"), width)
                    self.assertGreaterEqual(self.browser.js("document.querySelectorAll('#rd-chart circle').length"),
                                            12)
                    light = self.browser.js("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
                                            ".reduce((a, b) => a + +b, 0) / 3")
                    self.assertEqual(light < 60, dark)
                    if folder := os.environ.get("RD_SHOTS"):
                        Path(folder).mkdir(parents=True, exist_ok=True)
                        self.browser.photograph(Path(folder) / f"{size}-{'dark' if dark else 'light'}.png")

    def test_text_contrast(self):
        # WCAG 2.1, 1.4.3: 4.5 to 1 for text, against the colour that lies behind it.
        script = """(() => {
          const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
          const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number);
          const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
            if (c.length === 3) return c; } return [255, 255, 255]; };
          let worst = [99, ''];
          for (const e of document.querySelectorAll('h1,h2,h3,p,th,td,li,code,label,figcaption,.sub,.hint')) {
            if (!e.offsetParent || e.style.background) continue;
            const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(behind(e));
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < worst[0]) worst = [ratio, e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 40)];
          }
          return worst; })()"""
        for dark in (False, True):
            self.open("desktop", dark)
            ratio, where = self.browser.js(script)
            self.assertGreaterEqual(ratio, 4.5, where)

    def test_sorting(self):
        for size in SIZES:
            with self.subTest(size=size):
                self.open(size)
                b = self.browser
                b.choose("point-file", "")
                b.click("#point-table thead button", 3)  # rate
                up = [float(v) for v in self.column("point-table", 3)]
                self.assertEqual(up, sorted(up))
                self.assertEqual(len(up), 36)
                b.click("#point-table thead button", 3)
                down = [float(v) for v in self.column("point-table", 3)]
                self.assertEqual(down, sorted(down, reverse=True))
                self.assertEqual(b.js("document.querySelectorAll('#point-table thead th')[3].ariaSort"), "descending")
                b.click("#file-table thead button", 1)
                values = [float(v.replace("−", "-").rstrip(" %")) for v in self.column("file-table", 1)]
                self.assertEqual(values, sorted(values))
                b.choose("point-codec", "1")
                self.assertEqual(set(b.js("[...document.querySelectorAll('#point-table tbody tr')].map(r => "
                                          "r.children[1].textContent)")), {"WebP"})
                self.check_faults()

    def test_flicking(self):
        for size in SIZES:
            with self.subTest(size=size):
                self.open(size)
                b = self.browser
                image = "document.getElementById('flick-image').src"
                count = b.js("document.querySelectorAll('#views button').length")
                self.assertEqual(count, 4)  # the original and three codecs
                seen = set()
                for i in range(count):
                    b.click("#views button", i)
                    seen.add(b.js(image))
                    self.assertEqual(b.js("document.getElementById('flick-tag').textContent"),
                                     b.js(f"document.querySelectorAll('#views button')[{i}].textContent"))
                self.assertEqual(len(seen), count)
                b.js("document.getElementById('flick').focus()")
                b.press("ArrowRight")  # from the last back to the first
                self.assertEqual(b.js("document.getElementById('flick-tag').textContent"), "Original")
                b.click("#strip button", 2)
                self.assertEqual(b.js("document.querySelectorAll('#views button')[2].ariaPressed"), "true")
                width = b.js("document.getElementById('flick-image').naturalWidth")
                self.assertGreaterEqual(width, 176)
                before = b.js(image)
                b.js("{ const s = document.getElementById('case'); s.selectedIndex = 1; "
                     "s.dispatchEvent(new Event('change')); }")
                self.assertNotEqual(b.js(image), before)
                self.check_faults()

    def test_controls(self):
        self.open("desktop")
        b = self.browser
        line = "document.querySelector('#rd-chart path').getAttribute('d')"
        shapes = [b.js(line)]
        b.click("#linear")
        shapes.append(b.js(line))
        b.choose("metric", "ms_ssim_db")
        shapes.append(b.js(line))
        b.choose("file", "picture-2.png")
        shapes.append(b.js(line))
        self.assertEqual(len(set(shapes)), 4)
        b.choose("file", "")
        b.click("#bands")
        self.assertEqual(b.js("[...document.querySelectorAll('#rd-chart path')].filter(p => p.getAttribute('fill') "
                              "!== 'none').length"), 3)
        circles = "document.querySelectorAll('#rd-chart circle').length"
        before = b.js(circles)
        b.click("#legend button", 0)
        self.assertEqual(before - b.js(circles), 4)
        b.choose("anchor", "webp")
        self.assertIn("WebP", b.js("document.getElementById('summary-hint').textContent"))
        self.assertEqual(b.js("[...document.querySelectorAll('#summary-table tbody tr')].find(r => r.textContent"
                              ".startsWith('WebP')).children[1].textContent"), "anchor")
        self.check_faults()

    def test_known_truth_is_in_the_matrix(self):
        self.open("desktop")
        cells = self.browser.js(
            "(() => { const t = document.getElementById('bd-table'); const heads = [...t.querySelectorAll('thead th')]"
            ".map(h => h.textContent); const row = [...t.querySelectorAll('tbody tr')].find(r => "
            "r.firstChild.textContent === 'MLIC++'); return row.children[heads.indexOf('VTM-9.1 intra')]"
            ".querySelector('b').textContent; })()")
        self.assertEqual(cells, "−15.0 %")

    def test_tooltip(self):
        self.open("desktop")
        b = self.browser
        b.js("document.getElementById('rd-chart').scrollIntoView({block: 'center', behavior: 'instant'})")
        x, y = b.js("(() => { const r = document.querySelector('#rd-chart circle').getBoundingClientRect(); "
                    "return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        b.hover(x, y)
        self.assertFalse(b.js("document.getElementById('tip').hidden"))
        self.assertRegex(b.js("document.getElementById('tip').textContent"), r"bpp.*dB")


if __name__ == "__main__":
    unittest.main()
