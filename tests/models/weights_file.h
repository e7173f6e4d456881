// Weights files made by hand, byte by byte, with a checksum that is right: what an attacker could write, and
// save_weights never would.
#pragma once

#include <string>

namespace tessera::models::test {

// The 8-byte length, `header` and `data`, nothing checked or added.
std::string raw_file(const std::string& header, const std::string& data);

// `tensors`: the members of the header's object besides the metadata, as JSON text:
// "\"a\":{...},\"b\":{...}". The metadata is {"model":"m"} plus the checksum as weights.h describes it.
std::string forged_file(const std::string& tensors, const std::string& data);

}  // namespace tessera::models::test
