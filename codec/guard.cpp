#include "codec/guard.h"

#include <c10/util/Exception.h>

#include <new>

#include "models/time_limit.h"

namespace tessera {
namespace {

// libtorch's messages carry a stack trace; a user wants their first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool is_memory(const std::string& text) {
  return text.find("out of memory") != std::string::npos || text.find("DefaultCPUAllocator") != std::string::npos ||
         text.find("can't allocate memory") != std::string::npos;
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
    const std::string text = first_line(e.what_without_backtrace());
    if (is_memory(text)) return {ErrorCode::out_of_memory, device == Device::cuda ? "not enough memory on the GPU" : "not enough memory"};
    return {ErrorCode::device, (device == Device::cuda ? "the GPU failed: " : "unexpected failure: ") + text};
  } catch (const std::exception& e) {
    return {ErrorCode::device, "unexpected failure: " + first_line(e.what())};
  }
}

}  // namespace tessera
