// Checks that cost time with every byte or symbol. A build with -DTESSERA_UNCHECKED leaves them out, to measure what they cost
// (tests/limits/checks.py); it must not meet a stream that anybody else has made.
#pragma once

namespace tessera {

#ifdef TESSERA_UNCHECKED
inline constexpr bool kChecks = false;
#else
inline constexpr bool kChecks = true;
#endif

}  // namespace tessera
