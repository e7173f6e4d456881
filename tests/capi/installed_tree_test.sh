#!/usr/bin/env bash
# installed_tree_test.sh SOURCE BUILD: installs into a temporary prefix, moves it, and builds the manual's example against it: with
# pkg-config, with find_package (both libraries), and a program in C++. All of them decode a picture like the installed program does.
set -euo pipefail
source=$1 build=$2
# What surrounds the test must not help it.
unset TESSERA_WEIGHTS LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "installed tree: $1" >&2
  exit 1
}

cmake --install "$build" --prefix "$folder/staged" >"$folder/install.log" || fail "cmake --install failed: $(tail -5 "$folder/install.log")"
mv "$folder/staged" "$folder/prefix"
prefix=$folder/prefix
picture=$source/tests/golden/rgb.tsr
pc=$(find "$prefix" -name tessera.pc)
[[ -n $pc ]] || fail "there is no tessera.pc"

# The example is the only block of C in the manual that has a main().
awk '/^```c$/ {inside = 1; text = ""; next} /^```$/ {if (inside && text ~ /int main/) print text; inside = 0} inside {text = text $0 "\n"}' \
  "$source/docs/c-api.md" >"$folder/decode.c"
[[ -s $folder/decode.c ]] || fail "docs/c-api.md has no example"

"$prefix/bin/tessera" decode "$picture" "$folder/expected.ppm" --force >/dev/null 2>&1 || fail "the installed program does not decode"
check() {  # check NAME PROGRAM: what it decodes, and where its weights come from
  "$2" "$picture" "$folder/$1.ppm" >"$folder/$1.log" || fail "$1 failed: $(cat "$folder/$1.log")"
  cmp "$folder/expected.ppm" "$folder/$1.ppm" || fail "$1 decodes another picture than the installed program"
  grep -qF "$prefix/share/tessera/weights/" "$folder/$1.log" || fail "$1 does not use the installed weights: $(cat "$folder/$1.log")"
}

export PKG_CONFIG_PATH=${pc%/*}
[[ $(pkg-config --modversion tessera) == "$("$prefix/bin/tessera" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -1)" ]] ||
  fail "pkg-config and the program name different versions"
libdir=$(pkg-config --variable=libdir tessera)
read -ra flags < <(pkg-config --cflags --libs tessera)
cc -std=c11 -Wall -Wextra -Werror -pedantic "$folder/decode.c" -o "$folder/with-pkg-config" "${flags[@]}" -Wl,-rpath,"$libdir"
check pkg-config "$folder/with-pkg-config"
# Errors end a program of C as they should: a sentence and a status, nothing written.
if "$folder/with-pkg-config" "$folder/decode.c" "$folder/none.ppm" 2>"$folder/error"; then fail "a file of C was decoded"; fi
[[ $(wc -l <"$folder/error") == 1 && ! -e $folder/none.ppm ]] || fail "wrong answer to bad input: $(cat "$folder/error")"

mkdir "$folder/project"
cp "$folder/decode.c" "$folder/project"
cat >"$folder/project/list.cpp" <<'CODE'
#include <codec/tessera.h>

#include <bitstream/stream_reader.h>
#include <cstdio>

int main() {
  const auto models = tessera::list_models();
  if (!models) return 1;
  for (const tessera::ModelInfo& model : *models) std::puts(model.file.c_str());
  tessera::bitstream::StreamReader reader;
  reader.finish();
  return reader.next().kind == tessera::bitstream::StreamReader::Kind::end ? 0 : 1;
}
CODE
cat >"$folder/project/CMakeLists.txt" <<'CODE'
cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C CXX)
find_package(tessera 0.1 REQUIRED)
if(NOT EXISTS "${TESSERA_WEIGHTS_DIR}/still.safetensors")
  message(FATAL_ERROR "no weights in ${TESSERA_WEIGHTS_DIR}")
endif()
add_executable(shared decode.c)
target_link_libraries(shared PRIVATE tessera::tessera)
add_executable(list list.cpp)
set_target_properties(list PROPERTIES CXX_STANDARD 20)
target_link_libraries(list PRIVATE tessera::tessera)
if(TARGET tessera::tessera_static)
  add_executable(static decode.c)
  set_target_properties(static PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(static PRIVATE tessera::tessera_static)
endif()
CODE
{
  cmake -S "$folder/project" -B "$folder/project/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release &&
    cmake --build "$folder/project/build"
} >"$folder/cmake.log" 2>&1 || fail "find_package: $(tail -30 "$folder/cmake.log")"
check find_package "$folder/project/build/shared"
"$folder/project/build/list" >"$folder/list.log" || fail "the program in C++ failed"
grep -qxF "$prefix/share/tessera/weights/still.safetensors" "$folder/list.log" || fail "the program in C++ finds other weights: $(cat "$folder/list.log")"
if [[ -e $libdir/libtessera.a ]]; then
  # A static library lies nowhere: the program that contains it says where the tree is.
  cp "$folder/project/build/static" "$prefix/bin/decode-static"
  check static "$prefix/bin/decode-static"
fi
echo "installed tree: all programs decode"
