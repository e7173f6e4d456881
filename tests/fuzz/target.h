// The functions that libFuzzer, or replay.cpp in its place, calls or provides.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Changes data[0, size) in place, up to `max_size` bytes; returns the new size.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed);

// Provided by libFuzzer: its own mutations, which know nothing of the format.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
}
