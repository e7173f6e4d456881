"""What the tests of the rate-distortion bench share."""

import contextlib
import io
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "apps" / "rd"))
PUBLISHED = HERE / "published.json"

import rd  # noqa: E402  (the path is set above)


def call(*arguments):
    """Runs rd.py in this process. -> (exit status, what it printed, errors included)"""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            status = rd.main([str(a) for a in arguments])
        except SystemExit as e:  # argparse
            status = e.code
    return status, text.getvalue()
