"""Image codecs: the classic encoders through their own tools, and Tessera."""

from .codecs import Codec, Options, tessera_files

# ffmpeg converts between RGB and YCbCr here; without these flags it rounds chroma coarsely.
SCALE = "flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"


def jpeg(text, settings):
    o = Options(text, 0, {"subsampling": "420", "optimize": "0"}, {"subsampling": ("420", "422", "444"),
                                                                   "optimize": ("0", "1")})
    sampling = {"420": "2x2", "422": "2x1", "444": "1x1"}[o.subsampling]
    extra = ("-optimize",) if o.optimize == "1" else ()
    return Codec(
        name=text, label=f"JPEG {':'.join(o.subsampling)}", suite="images", extension="jpg", source="ppm", output="ppm",
        encode=("cjpeg", "-quality", "{q}", "-sample", sampling, *extra, "-outfile", "{out}", "{in}"),
        decode=("djpeg", "-ppm", "-outfile", "{out}", "{in}"),
        qualities=tuple(str(q) for q in range(5, 100, 5)),
        version_command=("cjpeg", "-version"), version_pattern=r"(libjpeg-turbo version \S+)",
        note="baseline, the library's default quantisation tables" + (", optimised Huffman tables" if extra else ""))


def webp(text, settings):
    o = Options(text, 0, {"method": "4"})
    return Codec(
        name=text, label="WebP", suite="images", extension="webp", source="png", output="png",
        encode=("cwebp", "-v", "-q", "{q}", "-m", o.method, "-metadata", "none", "{in}", "-o", "{out}"),
        decode=("dwebp", "-v", "{in}", "-o", "{out}"),
        qualities=tuple(str(q) for q in range(5, 100, 5)),
        version_command=("cwebp", "-version"), version_pattern=r"(\d+\.\d+\.\d+)",
        encode_clock=r"Time to encode picture: (?P<s>[\d.]+)s", decode_clock=r"Time to decode picture: (?P<s>[\d.]+)s",
        note=f"lossy, 4:2:0, method {o.method}")


def avif(text, settings):
    o = Options(text, 0, {"speed": "6", "subsampling": "444", "tune": "psnr"},
                {"subsampling": ("420", "422", "444"), "tune": ("psnr", "ssim")})
    return Codec(
        name=text, label=f"AVIF libaom s{o.speed} {':'.join(o.subsampling)}", suite="images", extension="avif",
        source="png", output="png",
        encode=("avifenc", "-c", "aom", "-s", o.speed, "-y", o.subsampling, "-j", "{threads}", "--min", "0",
                "--max", "63", "-a", "end-usage=q", "-a", "cq-level={q}", "-a", f"tune={o.tune}", "{in}", "{out}"),
        decode=("avifdec", "-j", "{threads}", "{in}", "{out}"),
        qualities=tuple(str(q) for q in range(60, 5, -5)),
        version_command=("avifenc", "--version"), version_pattern=r"Version: (\S+ \(.*aom \[enc/dec\]:[^,)]+)",
        note=f"8 bits, tune={o.tune}")


def jxl(text, settings):
    o = Options(text, 0, {"effort": "7"})
    return Codec(
        name=text, label=f"JPEG XL e{o.effort}", suite="images", extension="jxl", source="png", output="png",
        encode=("cjxl", "{in}", "{out}", "-d", "{q}", "-e", o.effort, "--num_threads={threads}"),
        decode=("djxl", "{in}", "{out}", "--num_threads={threads}"),
        qualities=("15", "10", "7", "5", "3.5", "2.5", "1.8", "1.2", "0.8", "0.5", "0.3"),
        version_command=("cjxl", "--version"), version_pattern=r"(cjxl v\S+)",
        encode_clock=r"(?P<mps>[\d.]+) MP/s", decode_clock=r"(?P<mps>[\d.]+) MP/s",
        note="VarDCT, steered by butteraugli distance: PSNR understates it")


def hevc_intra(text, settings):
    o = Options(text, 0, {"preset": "slow", "subsampling": "444", "tune": "psnr"}, {"subsampling": ("420", "444")})
    to_yuv = f"scale=out_color_matrix=bt709:out_range=pc:{SCALE},format=yuvj{o.subsampling}p"
    to_rgb = f"scale=in_color_matrix=bt709:in_range=pc:{SCALE},format=rgb24"
    return Codec(
        name=text, label=f"HEVC intra x265 {':'.join(o.subsampling)}", suite="images", extension="hevc", source="png",
        output="png",
        encode=("ffmpeg", "-v", "error", "-y", "-i", "{in}", "-frames:v", "1", "-vf", to_yuv, "-c:v", "libx265",
                "-preset", o.preset, "-tune", o.tune, "-crf", "{q}", "-x265-params",
                "log-level=error:info=0:keyint=1:range=full:colormatrix=bt709:pools={threads}:frame-threads=1",
                "-f", "hevc", "{out}"),
        decode=("ffmpeg", "-v", "error", "-y", "-threads", "{threads}", "-i", "{in}", "-vf", to_rgb, "-frames:v", "1",
                "{out}"),
        qualities=tuple(str(q) for q in range(48, 9, -3)),
        version_command=("ffmpeg", "-version"), version_pattern=r"ffmpeg version (\S+)", needs=("libx265",),
        note=f"raw stream without container, preset {o.preset}, tune {o.tune}, 8-bit YCbCr BT.709 full range")


def tessera(text, settings):
    """Tessera's still-picture model, on the CPU unless device=cuda."""
    o = Options(text, 1, {"effort": "5", "device": "cpu"}, {"device": ("cpu", "cuda")})
    model = o.arguments[0] if o.arguments else "still"
    program = settings.tessera
    label = f"Tessera {model}" + (f" effort {o.effort}" if o.effort != "5" else "")
    label += " (CUDA)" if o.device == "cuda" else ""
    return Codec(
        name=text, label=label, suite="images", extension="tsr", source="png", output="png",
        encode=(program, "encode", "{in}", "{out}", "--quality", "{q}", "--model", model, "--effort", o.effort,
                "--device", o.device, "--threads", "{threads}"),
        decode=(program, "decode", "{in}", "{out}", "--device", o.device, "--threads", "{threads}"),
        qualities=tuple(str(q) for q in range(64)),
        version_command=(program, "--version"), digest_of=tessera_files(program), digest_command=(program, "models", "--json"),
        bench=(program, "bench", "{in}", "--json", "--quality", "{q}", "--model", model, "--effort", o.effort,
               "--device", o.device, "--threads", "{threads}", "--repeat", "2"),
        info=(program, "info", "--json", "{coded}"),
        note=f"model {model}, effort {o.effort}, {o.device}")


CODECS = {"tessera": tessera, "jpeg": jpeg, "webp": webp, "avif": avif, "jxl": jxl, "hevc-intra": hevc_intra}
