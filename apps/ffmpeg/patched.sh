#!/usr/bin/env bash
# An FFmpeg with Tessera in it, from Debian's source package and the patch series beside this script.
#
#   apps/ffmpeg/patched.sh check [SUITE]   fetch the source and apply the series
#   apps/ffmpeg/patched.sh build [SUITE]   and build a small ffmpeg and ffprobe with libtessera
#
# SUITE: bookworm (FFmpeg 5.1, the default) or sid (FFmpeg 9.0). The source comes by apt with a configuration of its own, signatures
# checked; nothing of the system changes and no root is needed. It is kept in ~/.cache/tessera/ffmpeg ($XDG_CACHE_HOME is respected).
# Everything else goes to build-ffmpeg/ in the clone; `build` installs the tree of build/ there first. Exit status 77: the source cannot
# be fetched.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tessera/ffmpeg
work=$root/build-ffmpeg
command=${1:-} suite=${2:-bookworm}

say() { echo "ffmpeg: $*" >&2; }
fail() { say "$*"; exit 1; }
unavailable() { say "$*"; exit 77; }
# Its output matters only when the command fails.
quietly() {
  local log=$work/$suite.log
  "$@" >"$log" 2>&1 </dev/null || { tail -n 15 "$log" >&2; return 1; }
}

case $command in
  check | build) ;;
  *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
# The version that the series was made for.
case $suite in
  bookworm) version=5.1.9 ;;
  sid) version=9.0.2 ;;
  *) fail "there is no series for $suite, only for bookworm and sid." ;;
esac
mkdir -p "$work" "$cache/$suite"

# --- source ----------------------------------------------------------------------------------------------------------

archive() { find "$cache/$suite" -maxdepth 1 -name "ffmpeg_*.orig.tar.xz" | sort -V | tail -n 1; }

fetch() {
  local apt=$work/apt-$suite part keys=/usr/share/keyrings/debian-archive-keyring.gpg
  command -v apt-get >/dev/null || unavailable "there is no apt-get to fetch Debian's source with."
  [[ -f $keys ]] || unavailable "Debian's keys, $keys, are not there."
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  echo "deb-src [signed-by=$keys] http://deb.debian.org/debian $suite main" >"$apt/sources.list"
  local options=(-q -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt" -o APT::Sandbox::User= -o Acquire::Retries=2)
  say "fetching the source of $suite"
  quietly apt-get "${options[@]}" update || unavailable "Debian's list of sources cannot be fetched."
  part=$(mktemp -d "$cache/.part.XXXXXX")
  # The archive of the release itself; Debian's own changes are in files beside it and do not matter here.
  if ! (cd "$part" && quietly apt-get "${options[@]}" source --download-only --tar-only ffmpeg); then
    rm -rf "$part"
    unavailable "the source of ffmpeg in $suite cannot be fetched."
  fi
  mv "$part"/ffmpeg_*.orig.tar.xz "$cache/$suite/"
  rm -rf "$part"
}

if [[ -z $(archive) ]]; then fetch; fi
tar=$(archive)
found=${tar##*/ffmpeg_}
found=${found%.orig.tar.xz}
if [[ $found != "$version" ]]; then say "the series was made for $version and is tried on $found"; fi

# --- series ----------------------------------------------------------------------------------------------------------

source=$work/ffmpeg-$found
series=$root/apps/ffmpeg/patches/$version
stamp=$(cat "$series"/*.patch | sha256sum)
if [[ ! -f $source/.tessera || $(<"$source/.tessera") != "$stamp" ]]; then
  # Beside the old one: what a changed series leaves as it was is not built again.
  rm -rf "$work/.new"
  mkdir -p "$work/.new"
  tar -xJf "$tar" -C "$work/.new" --strip-components=1
  while read -r patch; do
    quietly patch -d "$work/.new" -p1 --no-backup-if-mismatch -i "$series/$patch" || fail "$patch does not apply to FFmpeg $found."
  done <"$series/series"
  if [[ -d $source ]]; then
    { diff -rq "$work/.new" "$source" || true; } | sed -n "s|^Files $work/.new/\(.*\) and .* differ\$|\1|p; s|^Only in $work/.new\(.*\): \(.*\)\$|.\1/\2|p" |
      while IFS= read -r file; do cp -R "$work/.new/$file" "$source/$file"; done
  else
    mv "$work/.new" "$source"
  fi
  rm -rf "$work/.new"
  echo "$stamp" >"$source/.tessera"
fi
say "the series applies to FFmpeg $found"
if [[ $command == check ]]; then exit 0; fi

# --- build -----------------------------------------------------------------------------------------------------------

prefix=$work/tessera
quietly cmake --install "$root/build" --prefix "$prefix" || fail "build/ has to be built first (scripts/build.sh)."
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
compiler=gcc
if command -v ccache >/dev/null; then compiler="ccache gcc"; fi
options=(
  --cc="$compiler" --extra-ldflags="-Wl,-rpath,$prefix/lib" --enable-libtessera
  --disable-everything --disable-autodetect --disable-doc --disable-x86asm --disable-debug --enable-zlib
  --enable-encoder=libtessera,libtessera_audio,ffv1,png,rawvideo,mpeg4,aac,pcm_s16le,pcm_f32le,wrapped_avframe
  --enable-decoder=libtessera,libtessera_audio,ffv1,png,mjpeg,rawvideo,h264,hevc,mpeg4,aac,flac,pcm_s16le,pcm_f32le,wrapped_avframe
  --enable-parser=h264,hevc,mpeg4video,aac,flac,png,mjpeg
  --enable-demuxer=tsr,mov,matroska,nut,avi,concat,yuv4mpegpipe,wav,flac,image2,image_png_pipe,image_jpeg_pipe
  --enable-muxer=tsr,mp4,mov,matroska,nut,avi,yuv4mpegpipe,wav,image2,framemd5,md5,null,rawvideo,pcm_f32le
  --enable-filter=tessera,testsrc2,sine,color,scale,format,aformat,aresample,psnr,ssim,null,anull,metadata,crop,trim,atrim,setpts
  --enable-indev=lavfi --enable-protocol=file,pipe
)
cd "$source"
configured=$(printf '%s\n' "${options[@]}" | cat - configure | sha256sum)
if [[ ! -f .configured || $(<.configured) != "$configured" ]]; then
  say "configuring"
  quietly ./configure "${options[@]}" || fail "configuring failed; see $source/ffbuild/config.log."
  echo "$configured" >.configured
fi
say "building"
quietly make -j "$(nproc)" ffmpeg ffprobe || fail "building failed."
echo "$source/ffmpeg"
