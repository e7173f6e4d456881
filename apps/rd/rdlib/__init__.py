"""Rate-distortion bench: runs codecs on the same files and compares their curves. Entry point: ../rd.py."""
