// The plugins and their ports, as in tessera.ttl: control ports first, then the inputs, then the outputs.
#pragma once

namespace tessera::lv2 {

struct Kind {
  const char* uri;
  const char* model;
  unsigned channels;
};

inline constexpr Kind kKinds[] = {
    {"urn:tessera:speech", "speech", 1},
    {"urn:tessera:sound", "sound", 2},
};

enum Port { kKilobits, kLatency, kFirstInput };

}  // namespace tessera::lv2
