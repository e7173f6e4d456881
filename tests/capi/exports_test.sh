#!/usr/bin/env bash
# exports_test.sh LIBRARY HEADER: the library exports every function of the header, and nothing but tsr_* and the C++ interface.
set -euo pipefail
library=$1 header=$2

symbols=$(nm -D --defined-only "$library" | awk '$2 != "A" {print $3}' | sed 's/@.*//' | sort -u)
declared=$(grep -oE '\btsr_[a-z_]+\(' "$header" | tr -d '(' | sort -u)
exported=$(grep '^tsr_' <<<"$symbols" || true)
readable=$(grep -v '^tsr_' <<<"$symbols" | c++filt || true)
status=0

missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
if [[ -n $missing ]]; then
  echo "declared in the header, not exported: $missing"
  status=1
fi
unknown=$(comm -13 <(echo "$declared") <(echo "$exported"))
if [[ -n $unknown ]]; then
  echo "exported, not in the header: $unknown"
  status=1
fi
# Whose symbol it is decides the first name of the mangled one: libtorch's (at, c10, torch) or std's would clash with the host's own.
foreign=$(grep -vE '^tessera::' <<<"$readable" || true)
if [[ -n $foreign ]]; then
  echo "exported, of neither interface:"
  head -20 <<<"$foreign"
  status=1
fi
inner=$(grep -E '::Impl::|^tessera::models::|^tessera::entropy::' <<<"$readable" || true)
if [[ -n $inner ]]; then
  echo "exported, but internal:"
  head -20 <<<"$inner"
  status=1
fi
for name in 'tessera::ImageEncoder::encode(' 'tessera::AudioDecoder::receive(' 'tessera::VideoDecoder::receive(' 'tessera::inspect(' 'tessera::error_name(' \
  'tessera::bitstream::StreamReader::next('; do
  if ! grep -qF "$name" <<<"$readable"; then
    echo "not exported: $name"
    status=1
  fi
done
exit $status
