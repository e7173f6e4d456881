// A folder that a test may fill and that is gone afterwards.
#pragma once

#include <string>
#include <vector>

namespace tessera::test {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  const std::string& folder() const { return folder_; }
  std::vector<std::string> names() const;  // of the files in it, sorted

 private:
  std::string folder_;
};

}  // namespace tessera::test
