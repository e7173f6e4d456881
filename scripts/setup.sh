#!/usr/bin/env bash
# Makes a Debian 12 machine (x86-64) ready to build Tessera: Debian packages, and libtorch from its PyPI wheel.
#
#   scripts/setup.sh [--tests] [--cuda] [--no-packages]
#
#   --tests        also what the tests and benchmarks need
#   --cuda         also libtorch's CUDA back end (about 2 GB more to download)
#   --no-packages  leave the system's packages alone
#
# libtorch goes to .deps/ in the clone, or to $TESSERA_DEPS; downloads are kept in ~/.cache/tessera/wheels
# ($XDG_CACHE_HOME is respected), outside of the clone, so that further clones need none.
# A second run with the same options returns at once.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
deps=$(realpath -m "${TESSERA_DEPS:-$root/.deps}")
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tessera/wheels

# --- what is needed --------------------------------------------------------------------------------------------------

packages=(
  g++ cmake ninja-build ccache
  libopencv-dev libjpeg-dev libpng-dev zlib1g-dev  # data/
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev pkg-config  # data/, sound and video
  nlohmann-json3-dev libxxhash-dev                 # models/
  libcli11-dev libfmt-dev                          # apps/
  python3 python3-pip unzip ca-certificates        # this script
)
test_packages=(
  libgtest-dev libbenchmark-dev
  # the rate-distortion bench: its Python environment, the codecs it compares with, a browser for its page
  python3-venv python3-dev gcc libjpeg-turbo-progs webp libavif-bin libjxl-tools ffmpeg chromium
  patch make xz-utils                              # the patched FFmpeg
)

# Requirement, file, SHA-256. The versions are those that the torch wheel's own metadata asks for.
torch_wheel=torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl
wheels=(
  "torch==2.11.0 $torch_wheel 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a"
  # libtorch_cpu.so is linked to these two even where there is no GPU.
  "nvidia-cuda-runtime==13.0.96 nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"
  "nvidia-cuda-cupti==13.0.85 nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"
)
cuda_wheels=(
  "nvidia-cublas==13.1.0.3 nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"
  "nvidia-cuda-nvrtc==13.0.88 nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"
  "nvidia-cufft==12.0.0.61 nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"
  "nvidia-cufile==1.15.1.6 nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"
  "nvidia-curand==10.4.0.35 nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl 1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"
  "nvidia-cusolver==12.0.4.66 nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl 0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"
  "nvidia-cusparse==12.6.3.3 nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"
  "nvidia-nvjitlink==13.0.88 nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl 13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b"
  "nvidia-cudnn-cu13==9.19.0.56 nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf"
  "nvidia-cusparselt-cu13==0.8.0 nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl 25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd"
  "nvidia-nccl-cu13==2.28.9 nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42"
  "nvidia-nvshmem-cu13==3.4.5 nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"
)

# --- helpers ---------------------------------------------------------------------------------------------------------

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }
# Its output matters only when the command fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [[ $status != 0 ]]; then tail -n 4 "$log" >&2; fi
  rm -f "$log"
  return $status
}

tests=0 cuda=0 system=1
for argument in "$@"; do
  case $argument in
    --tests) tests=1 ;;
    --cuda) cuda=1 ;;
    --no-packages) system=0 ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "setup: unknown option $argument (see --help)" >&2; exit 2 ;;
  esac
done

# --- done already? ---------------------------------------------------------------------------------------------------

script_hash=$(sha256sum "${BASH_SOURCE[0]}" | cut -d ' ' -f 1)
stamp=$deps/.setup-$tests$cuda$system
[[ -f $stamp && $(<"$stamp") == "$script_hash" ]] && exit 0

[[ $(uname -m) == x86_64 ]] || fail "this machine is $(uname -m), and the libtorch wheel is for x86_64 only."
mkdir -p "$deps" || fail "$deps cannot be created."
exec 9>"$deps/.lock"
if ! flock -n 9; then
  say "waiting for another setup to end"
  flock 9
fi

# --- Debian packages -------------------------------------------------------------------------------------------------

if [[ $system == 1 ]]; then
  if [[ $tests == 1 ]]; then packages+=("${test_packages[@]}"); fi
  command -v apt-get >/dev/null ||
    fail "there is no apt-get; install the equivalents of ${packages[*]} and run with --no-packages."
  missing=()
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if [[ ${#missing[@]} != 0 ]]; then
    as_root=()
    if [[ $(id -u) != 0 ]]; then
      command -v sudo >/dev/null || fail "root is needed once for: apt-get install ${missing[*]}"
      # Without a terminal nobody could type a password.
      as_root=(sudo)
      if [[ ! -t 0 ]]; then as_root=(sudo -n); fi
      "${as_root[@]}" true || fail "root is needed once for: apt-get install ${missing[*]}"
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    say "installing Debian packages: ${missing[*]}"
    quietly "${as_root[@]}" apt-get -q update || fail "apt-get update failed."
    quietly "${as_root[@]}" apt-get -q -y --no-install-recommends install "${missing[@]}" || fail "apt-get install failed."
  fi
fi

# --- libtorch --------------------------------------------------------------------------------------------------------

python_with_pip() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -m pip --version >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  fail "python3 with pip is needed for the download of libtorch, and is not there."
}

# fetch REQUIREMENT FILE SHA256
fetch() {
  local target=$cache/$2 python part
  if [[ -f $target ]]; then
    if [[ $(sha256sum <"$target") == "$3  -" ]]; then return; fi
    say "$2 in the cache is damaged, loading it again"
    rm -f "$target"
  fi
  python=$(python_with_pip)
  part=$(mktemp -d "$cache/.part.XXXXXX")
  say "downloading $1"
  # The tags of the wheel, not those of the Python that happens to be here.
  if ! quietly "$python" -m pip --disable-pip-version-check download --no-deps --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_18_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_12_x86_64 --platform manylinux2010_x86_64 --dest "$part" "$1"; then
    rm -rf "$part"
    fail "$1 could not be downloaded from PyPI."
  fi
  if [[ ! -f $part/$2 || $(sha256sum <"$part/$2") != "$3  -" ]]; then
    rm -rf "$part"
    fail "the download of $1 is not the file that this script expects (SHA-256 differs)."
  fi
  mv "$part/$2" "$target"
  rmdir "$part"
}

if [[ $cuda == 1 ]]; then wheels+=("${cuda_wheels[@]}"); fi
# The marker names what .deps holds; the tree with CUDA serves a build without it as well.
contents=$(printf '%s\n' "${wheels[@]}")
marker=$deps/.libtorch
have=
if [[ -f $marker ]]; then have=$(<"$marker"); fi
if [[ $have != "$contents"* ]]; then
  command -v unzip >/dev/null || fail "unzip is needed, and is not there."
  mkdir -p "$cache" || fail "$cache cannot be created."
  for wheel in "${wheels[@]}"; do
    # shellcheck disable=SC2086  # three words
    fetch $wheel
  done
  say "unpacking libtorch into $deps"
  # Everything is made beside its place and renamed at the end: an interrupted run leaves the old state or the new one.
  rm -rf "$deps"/.unpack.*
  part=$(mktemp -d "$deps/.unpack.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  members=('torch/include/*' 'torch/share/*' torch/lib/libtorch_cpu.so torch/lib/libc10.so 'torch/lib/libgomp*')
  if [[ $cuda == 1 ]]; then
    members+=(torch/lib/libtorch_cuda.so torch/lib/libc10_cuda.so torch/lib/libtorch_nvshmem.so
      torch/lib/libtorch_cuda_linalg.so torch/lib/libcaffe2_nvrtc.so)
  fi
  quietly unzip -q "$cache/$torch_wheel" "${members[@]}" -d "$part" || fail "$torch_wheel could not be unpacked into $deps."
  for wheel in "${wheels[@]:1}"; do
    read -r _ file _ <<<"$wheel"
    # Where libtorch's RPATH, $ORIGIN/../../nvidia/*/lib, finds them.
    quietly unzip -q -o "$cache/$file" 'nvidia/*/lib/*.so*' -d "$part" || fail "$file could not be unpacked into $deps."
  done
  rm -f "$marker"
  for folder in torch nvidia; do
    if [[ -e $deps/$folder ]]; then mv "$deps/$folder" "$part/old-$folder"; fi
    mv "$part/$folder" "$deps/$folder"
  done
  printf '%s\n' "$contents" >"$marker"
fi

echo "$script_hash" >"$stamp"
say "done"
