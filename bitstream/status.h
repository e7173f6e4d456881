// The result type of the whole library: a code, and a sentence that says what is wrong and where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace tessera {

// The classes of failure that a caller may want to tell apart. The numbers are stable: the command line uses them
// (see apps/tessera) to derive its exit codes.
enum class ErrorCode : uint8_t {
  ok = 0,
  truncated = 1,         // the stream ends too early; more bytes could help
  corrupt = 2,           // the bytes contradict the format, or a checksum failed
  unsupported = 3,       // valid, but of a later version or a feature that this build does not have
  limit = 4,             // decoding would exceed a limit that the caller set
  model_missing = 5,     // the stream names a model that is not installed, or its weights cannot be read
  out_of_memory = 6,
  device = 7,            // the accelerator failed or is not there
  invalid_argument = 8,  // the caller asked for something that cannot be
  io = 9,                // reading or writing a file failed
  cancelled = 10,
};

// Name of a code, for messages: "truncated", "corrupt", ...
const char* error_name(ErrorCode code);

// Success, or an error with a sentence. Cheap to return; cannot be ignored silently.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == ErrorCode::ok; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  ErrorCode code_ = ErrorCode::ok;
  std::string message_;
};

// A value, or the reason why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                                    // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}                            // NOLINT
  Result(ErrorCode code, std::string message) : status_(code, std::move(message)) {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }

  // Precondition: ok().
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

// Returns from the enclosing function when `expr`, a Status, is an error.
#define TESSERA_RETURN_IF_ERROR(expr)                     \
  do {                                                    \
    if (::tessera::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

}  // namespace tessera
