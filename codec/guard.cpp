#include "codec/guard.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <string>
#include <string_view>

#include "models/time_limit.h"

namespace tessera {
namespace {

// libtorch's messages carry a stack trace; a user wants their first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// libtorch has no error type of its own for memory on the CPU, so its words must do: those of its allocators, of a tensor's own few sizes and
// strides, of a mapped file, and of the libraries below it. Nothing here may ask for memory.
bool is_memory(std::string_view text) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  for (const std::string_view words : {"out of memory", "allocate memory", "defaultcpuallocator", "failed to allocate", "unable to mmap"}) {
    if (std::search(text.begin(), text.end(), words.begin(), words.end(), same) != text.end()) return true;
  }
  return false;
}

}  // namespace

Status guarded(Device device, const std::function<Status()>& work) {
  try {
    return work();
  } catch (const Failure& f) {
    return f.status;
  } catch (const models::TimeUp& e) {
    return {ErrorCode::limit, e.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory, "not enough memory"};
  } catch (const c10::Error& e) {
    if (is_memory(e.what_without_backtrace())) return {ErrorCode::out_of_memory, device == Device::cuda ? "not enough memory on the GPU" : "not enough memory"};
    return {ErrorCode::device, (device == Device::cuda ? "the GPU failed: " : "unexpected failure: ") + first_line(e.what_without_backtrace())};
  } catch (const std::exception& e) {
    if (is_memory(e.what())) return {ErrorCode::out_of_memory, "not enough memory"};
    return {ErrorCode::device, "unexpected failure: " + first_line(e.what())};
  }
}

}  // namespace tessera
