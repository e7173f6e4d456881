#!/usr/bin/env bash
# Line coverage of bitstream/ and entropy/ by their tests and the kept corpora, from a build of the preset `coverage`.
#
#   tests/fuzz/coverage.sh BUILD [--missing]        runs the tests first; --missing lists the lines that nothing ran
set -euo pipefail

build=$(cd "${1:?the build folder}" && pwd)
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -E '^rd' --output-on-failure >"$build/coverage.log" 2>&1 || { tail -n 50 "$build/coverage.log"; exit 1; }
cd "$build"
find . -name '*.gcda' -print0 | xargs -0 gcov --json-format --stdout 2>/dev/null | python3 -c '
import collections, json, os, sys

root, missing = sys.argv[1], len(sys.argv) > 2
lines = collections.defaultdict(dict)  # of each file: number -> times
for text in sys.stdin:
    report = json.loads(text)
    for source in report["files"]:
        # Relative to where the compiler ran, as ccache writes them, or absolute.
        path = os.path.relpath(os.path.join(report["current_working_directory"], source["file"]), root)
        if not path.startswith(("bitstream/", "entropy/")) or path.endswith("bench.cpp"):
            continue
        for line in source["lines"]:
            number = line["line_number"]
            lines[path][number] = max(lines[path].get(number, 0), line["count"])
totals = collections.Counter()
for path in sorted(lines):
    run = sum(1 for count in lines[path].values() if count)
    folder = path.split("/")[0]
    totals[folder, "all"] += len(lines[path])
    totals[folder, "run"] += run
    print(f"{path:32} {run:5} of {len(lines[path]):5} lines {100 * run / len(lines[path]):6.1f} %")
    if missing and run < len(lines[path]):
        print("    not run:", *sorted(number for number, count in lines[path].items() if not count))
for folder in sorted({folder for folder, _ in totals}):
    run, every = totals[folder, "run"], totals[folder, "all"]
    print(f"{folder + chr(47):32} {run:5} of {every:5} lines {100 * run / every:6.1f} %")
' "$root" "${@:2}"
