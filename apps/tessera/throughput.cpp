#include "apps/tessera/throughput.h"

#include <barrier>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tessera::cli {
namespace {

// Runs work(worker) `rounds` times in each thread, all of them starting together. Rounds a second of all.
Result<double> rounds_a_second(int workers, int rounds, const std::function<Status(int)>& work) {
  std::mutex mutex;
  Status failure;
  const auto attempt = [&](int worker) {
    const Status status = work(worker);
    if (status.ok()) return true;
    const std::lock_guard lock(mutex);
    if (failure.ok()) failure = status;
    return false;
  };
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin;
  std::barrier start(workers, [&]() noexcept { begin = Clock::now(); });
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      bool good = attempt(worker);
      start.arrive_and_wait();
      for (int i = 0; i < rounds && good; ++i) good = attempt(worker);
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.ok()) return failure;
  return workers * rounds / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

Result<Throughput> measure_throughput(const ImageView& picture, const ImageMetadata& metadata, const EncoderOptions& encoder_options,
                                      const DecoderOptions& decoder_options, int workers, int rounds) {
  std::vector<ImageEncoder> encoders;
  std::vector<ImageDecoder> decoders;
  for (int i = 0; i < workers; ++i) {
    auto encoder = ImageEncoder::create(encoder_options);
    if (!encoder) return encoder.status();
    auto decoder = ImageDecoder::create(decoder_options);
    if (!decoder) return decoder.status();
    encoders.push_back(std::move(*encoder));
    decoders.push_back(std::move(*decoder));
  }
  std::vector<Bytes> streams(static_cast<size_t>(workers));
  Throughput out;
  const auto encoded = rounds_a_second(workers, rounds, [&](int worker) -> Status {
    const auto i = static_cast<size_t>(worker);
    auto stream = encoders[i].encode(picture, metadata);
    if (!stream) return stream.status();
    streams[i] = std::move(*stream);
    return {};
  });
  if (!encoded) return encoded.status();
  const auto decoded = rounds_a_second(workers, rounds, [&](int worker) -> Status {
    const auto i = static_cast<size_t>(worker);
    return decoders[i].decode(streams[i]).status();
  });
  if (!decoded) return decoded.status();
  out.encoded = *encoded;
  out.decoded = *decoded;
  return out;
}

}  // namespace tessera::cli
