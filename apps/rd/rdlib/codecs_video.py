"""Video codecs: raw streams through ffmpeg, and Tessera; 8-bit 4:2:0, one intra period for all.

Structures: `default` is the encoder's own choice of reordering and lookahead; `lowdelay` sends frames in the order
in which they are shown, without lookahead. Key frames come every {intra} frames and at no other place, so that the
codecs differ in coding alone. Encoders tune for PSNR where they can, since PSNR is what the curves show first.
"""

from .codecs import Codec, Options, tessera_files

STRUCTURES = ("default", "lowdelay")
VERSION = dict(version_command=("ffmpeg", "-version"), version_pattern=r"ffmpeg version (\S+)")
READ = ("ffmpeg", "-v", "error", "-y", "-i", "{in}", "-an", "-pix_fmt", "yuv420p")
DECODE = ("ffmpeg", "-v", "error", "-y", "-threads", "{threads}", "-i", "{in}", "-fps_mode", "passthrough",
          "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "{out}")


def _codec(text, settings, label, encoder, options, form, qualities, structure):
    return Codec(name=text, label=label, suite="video", extension=form, source="y4m", output="y4m",
                 encode=(*READ, "-c:v", encoder, *options, "-f", form, "{out}"), decode=DECODE,
                 qualities=tuple(str(q) for q in qualities), needs=(encoder,),
                 note=f"{structure} structure, one key frame every {settings.intra_period} frames", **VERSION)


def _name(label, structure):
    return label + (" low delay" if structure == "lowdelay" else "")


def x264(text, settings):
    o = Options(text, 0, {"preset": "medium", "structure": "default"}, {"structure": STRUCTURES})
    structure = ("-tune", "psnr") if o.structure == "default" else ("-tune", "psnr,zerolatency")
    return _codec(text, settings, _name(f"x264 {o.preset}", o.structure), "libx264",
                  ("-preset", o.preset, *structure, "-crf", "{q}", "-g", "{intra}", "-keyint_min", "{intra}",
                   "-sc_threshold", "0", "-threads", "{threads}"), "h264", range(43, 15, -3), o.structure)


def x265(text, settings):
    o = Options(text, 0, {"preset": "medium", "structure": "default"}, {"structure": STRUCTURES})
    # x265 takes one tune only: low delay by hand, as its own zerolatency tune does it.
    low = ":bframes=0:rc-lookahead=0:b-adapt=0:cutree=0:frame-threads=1" if o.structure == "lowdelay" else ""
    return _codec(text, settings, _name(f"x265 {o.preset}", o.structure), "libx265",
                  ("-preset", o.preset, "-tune", "psnr", "-crf", "{q}", "-x265-params",
                   "log-level=error:info=0:keyint={intra}:min-keyint={intra}:scenecut=0:open-gop=0:pools={threads}"
                   + low), "hevc", range(43, 15, -3), o.structure)


def svtav1(text, settings):
    o = Options(text, 0, {"preset": "8", "structure": "default"}, {"structure": STRUCTURES})
    structure = "pred-struct=1" if o.structure == "lowdelay" else "pred-struct=2"
    return _codec(text, settings, _name(f"SVT-AV1 preset {o.preset}", o.structure), "libsvtav1",
                  ("-preset", o.preset, "-crf", "{q}", "-g", "{intra}", "-svtav1-params",
                   f"tune=1:scd=0:lp={{threads}}:{structure}"), "obu", range(60, 15, -5), o.structure)


def aom(text, settings):
    o = Options(text, 0, {"cpu": "6", "structure": "default"}, {"structure": STRUCTURES})
    # Without lookahead libaom's -crf leaves the quantiser to its rate control; low delay therefore fixes it.
    low = ("-lag-in-frames", "0", "-qmin", "{q}", "-qmax", "{q}") if o.structure == "lowdelay" else ()
    return _codec(text, settings, _name(f"libaom cpu{o.cpu}", o.structure), "libaom-av1",
                  ("-cpu-used", o.cpu, "-crf", "{q}", "-b:v", "0", "-g", "{intra}", "-keyint_min", "{intra}",
                   "-threads", "{threads}", *low), "obu", range(60, 15, -5), o.structure)


def tessera(text, settings):
    """Tessera's video models; low delay by construction."""
    o = Options(text, 1, {"device": "cpu", "effort": "5"}, {"device": ("cpu", "cuda")})
    model = o.arguments[0] if o.arguments else "motion-lite"
    program = settings.tessera
    return Codec(
        name=text, label=f"Tessera {model}" + (" (CUDA)" if o.device == "cuda" else ""), suite="video", extension="tsr",
        source="y4m", output="y4m",
        encode=(program, "encode", "{in}", "{out}", "--model", model, "--quality", "{q}", "--effort", o.effort,
                "--keyint", "{intra}", "--no-scenecut", "--device", o.device, "--threads", "{threads}"),
        decode=(program, "decode", "{in}", "{out}", "--device", o.device, "--threads", "{threads}"),
        qualities=("2", "10", "18", "26", "34", "42", "50", "58"), version_command=(program, "--version"),
        digest_of=tessera_files(program), digest_command=(program, "models", "--json"),
        note=f"model {model}, {o.device}, lowdelay structure, one key frame every {settings.intra_period} frames")


CODECS = {"tessera": tessera, "x264": x264, "x265": x265, "svtav1": svtav1, "aom": aom}
