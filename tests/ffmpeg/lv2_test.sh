#!/usr/bin/env bash
# lv2_test.sh BUILD GOLDEN: the plugins of sound in the system's ffmpeg.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

lean "$LV2_PATH/tessera.lv2/tessera.so" "$build/tessera-plugins/lv2_tessera.so" lv2_descriptor

# A tone of half a second after half a second of silence.
ff -f lavfi -i "aevalsrc='if(gte(t,0.5)*lt(t,1),0.4*sin(2*PI*300*t)*(0.7+0.3*sin(2*PI*5*t)),0)':s=48000:d=2" -c:a pcm_f32le tone.wav

# Out comes as much as went in, later by the plugin's latency, and the same for all sizes of blocks.
python3 - "$build/tessera" <<'CODE'
import array, subprocess, sys

tool = sys.argv[1]

def run(rate, channels, uri, controls="", block=0):
    chain = f"aresample={rate}," + (f"asetnsamples=n={block}:p=0," if block else "") + f"lv2=p=urn\\\\:tessera\\\\:{uri}{controls}"
    done = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-i", "tone.wav", "-ac", str(channels), "-af", chain,
                           "-f", "f32le", "-"], capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{chain}: {done.stderr.decode()}")
    samples = array.array("f")
    samples.frombytes(done.stdout)
    return samples[::channels]

def power(samples):
    return sum(x * x for x in samples) / max(1, len(samples))

# At the model's own rate the plugin does what the tool does with --low-delay, sample by sample.
for rate, channels, uri, kilobits in [(24000, 1, "speech", 6), (48000, 2, "sound", 12)]:
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i", "tone.wav", "-ar", str(rate), "-ac", str(channels),
                    "-c:a", "pcm_f32le", "in.wav"], check=True)
    subprocess.run([tool, "encode", "in.wav", "in.tsr", "--model", uri, "--low-delay", "--bitrate", f"{kilobits}k", "--quiet"], check=True)
    subprocess.run([tool, "decode", "in.tsr", "out.wav", "--force", "--quiet"], check=True)
    raw = subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", "-i", "out.wav", "-f", "f32le", "-"], capture_output=True, check=True).stdout
    told = array.array("f")
    told.frombytes(raw)
    told = told[::channels]
    out = run(rate, channels, uri, f":c=kbps={kilobits}")
    latency = next(i for i, x in enumerate(out) if x != 0)
    first = next(i for i, x in enumerate(told) if x != 0)
    # The tool writes 16 bits, so that quiet samples are 0: the delay is the one at which all the others agree.
    worst, delay = min((max(abs(x - y) for x, y in zip(out[d:], told)), d) for d in range(max(0, latency - first), latency + 1))
    print(f"{uri} at {rate} Hz: {1000 * delay / rate:.1f} ms later than the tool, by at most {worst:.6f} off")
    if worst > 1 / 32768 or any(x != 0 for x in out[:delay]):
        sys.exit(f"{uri} at {rate} Hz: other samples than the tool's")
    if run(rate, channels, uri, f":c=kbps={kilobits}", block=37) != out:
        sys.exit(f"{uri} at {rate} Hz: other samples with blocks of 37")
    own = power(out)
    # Other rates give the same sound: its power, and when it comes.
    for other in [8000, 44100, 96000]:
        if other == 8000 and uri == "sound":
            continue
        changed = run(other, channels, uri, f":c=kbps={kilobits}")
        if abs(len(changed) - 2 * other) > 1:
            sys.exit(f"{uri} at {other} Hz: {len(changed)} samples from {2 * other}")
        later = next(i for i, x in enumerate(changed) if x != 0) / other
        half = lambda samples, at: power(samples[int((later + 0.5) * at):int((later + 1) * at)]) / (4 * power(samples))
        print(f"{uri} at {other} Hz: {1000 * later:.1f} ms later, power {power(changed) / own:.3f}, {half(changed, other):.3f} of it where the tone is")
        if not (0.5 < power(changed) / own < 2 and half(changed, other) > 0.9):
            sys.exit(f"{uri} at {other} Hz: another sound than at {rate} Hz")
CODE

# Bad input: a sentence, and silence or an end that ffmpeg chooses.
export TESSERA_WEIGHTS=$folder/none
mkdir none
refused 'tessera: model "speech' 1 -i tone.wav -af 'aresample=24000,lv2=p=urn\\:tessera\\:speech' -f null -
unset TESSERA_WEIGHTS
refused 'tessera: the sample rate lies between 8000 and 384000 Hz, not at 4000' 1 -i tone.wav -af 'aresample=4000,lv2=p=urn\\:tessera\\:speech' -f null -
refused 'tessera: model speech' 0 -i tone.wav -af 'aresample=24000,lv2=p=urn\\:tessera\\:speech:c=kbps=0.01' -f null -
echo "LV2: both plugins work in $(ffmpeg -version | head -1)"
