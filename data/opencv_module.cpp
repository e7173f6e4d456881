// The module libtessera_opencv.so: all code that calls OpenCV. data/opencv_bridge.cpp loads it.
#include "data/opencv_module.h"

#include <cstring>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace tessera::media {
namespace {

void set_up_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::setNumThreads(1);  // threads are the caller's business
  });
}

// Runs `work` and turns what it throws into a status.
template <class Work>
auto guarded(const char* what, Work work) -> decltype(work()) {
  set_up_once();
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::out_of_memory, std::string(what) + ": out of memory");
  } catch (const cv::Exception& error) {
    const bool memory = error.code == cv::Error::StsNoMem;
    return Status(memory ? ErrorCode::out_of_memory : ErrorCode::corrupt,
                  std::string(what) + ": " + error.err);
  } catch (const std::exception& error) {
    return Status(ErrorCode::corrupt, std::string(what) + ": " + error.what());
  }
}

// OpenCV's order is BGR(A). The conversion works in both directions.
cv::Mat swapped(const cv::Mat& image) {
  if (image.channels() < 3) return image;
  cv::Mat result;
  cv::cvtColor(image, result, image.channels() == 3 ? cv::COLOR_BGR2RGB : cv::COLOR_BGRA2RGBA);
  return result;
}

cv::Mat borrowed(const Picture& picture) {
  const int type = CV_MAKETYPE(picture.bit_depth == 8 ? CV_8U : CV_16U, static_cast<int>(picture.channels));
  return cv::Mat(static_cast<int>(picture.height), static_cast<int>(picture.width), type,
                 const_cast<uint8_t*>(picture.samples.data()));  // only read from
}

Picture copied(const cv::Mat& image) {
  Picture picture = make_picture(static_cast<uint32_t>(image.cols), static_cast<uint32_t>(image.rows),
                                 static_cast<uint32_t>(image.channels()), image.depth() == CV_8U ? 8 : 16);
  for (int y = 0; y < image.rows; ++y) {
    std::memcpy(picture.samples.data() + static_cast<size_t>(y) * picture.stride(), image.ptr(y),
                picture.stride());
  }
  return picture;
}

Result<Picture> decode(std::span<const uint8_t> file, const char* format) {
  return guarded(format, [&]() -> Result<Picture> {
    const std::string name = format;
    if (file.size() > 0x7FFFFFFF) return {ErrorCode::limit, name + " file of more than 2 GiB"};
    const cv::Mat input(1, static_cast<int>(file.size()), CV_8U, const_cast<uint8_t*>(file.data()));
    const cv::Mat image = cv::imdecode(input, cv::IMREAD_UNCHANGED);
    if (image.empty()) return {ErrorCode::corrupt, name + " data cannot be decoded"};
    if (image.depth() != CV_8U && image.depth() != CV_16U) {
      return {ErrorCode::unsupported, name + " samples are not integers of 8 or 16 bits"};
    }
    if (image.channels() > 4) return {ErrorCode::unsupported, name + " file with more than 4 channels"};
    return copied(swapped(image));
  });
}

Result<Bytes> encode(const Picture& picture, const char* format, const char* extension) {
  return guarded(format, [&]() -> Result<Bytes> {
    std::vector<int> options;
    if (std::strcmp(extension, ".webp") == 0) options = {cv::IMWRITE_WEBP_QUALITY, 101};  // above 100: lossless
    Bytes bytes;
    if (!cv::imencode(extension, swapped(borrowed(picture)), bytes, options)) {
      return {ErrorCode::unsupported, std::string(format) + " cannot hold this picture"};
    }
    return bytes;
  });
}

Result<Picture> half_size(const Picture& picture) {
  return guarded("resize", [&]() -> Result<Picture> {
    cv::Mat half;
    const cv::Size size(static_cast<int>((picture.width + 1) / 2),
                        static_cast<int>((picture.height + 1) / 2));
    cv::resize(borrowed(picture), half, size, 0, 0, cv::INTER_AREA);
    return copied(half);
  });
}

}  // namespace

}  // namespace tessera::media

extern "C" __attribute__((visibility("default"))) const tessera::media::OpencvModule* tessera_opencv_module() {
  using namespace tessera::media;
  static const OpencvModule module{kOpencvModuleVersion, sizeof(Picture), decode, encode, half_size};
  return &module;
}
