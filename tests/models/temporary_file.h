// A file in the system's temporary folder that goes with its scope.
#pragma once

#include <filesystem>
#include <string>

namespace tessera::models::test {

class TemporaryFile {
 public:
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  std::string read() const;
  void write(const std::string& bytes) const;

 private:
  std::string folder_, path_;
};

}  // namespace tessera::models::test
