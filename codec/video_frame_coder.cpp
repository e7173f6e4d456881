#include "codec/video_frame_coder.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "bitstream/checks.h"
#include "bitstream/crc.h"
#include "codec/guard.h"
#include "codec/still_tile.h"
#include "codec/stopwatch.h"
#include "codec/symbol_scan.h"
#include "codec/transfer.h"
#include "codec/video_payload.h"
#include "entropy/range_table.h"
#include "entropy/rans.h"
#include "models/parallel.h"
#include "models/video/motion_search.h"

namespace tessera {
namespace {

using models::Level;
using models::Motion;
using models::MotionModel;
using models::TemporalPrior;
using models::VectorField;
using models::exact::Mode;

static_assert(std::endian::native == std::endian::little, "checksums are defined over little-endian integers");

// Up to so many coded latents share the range coder with the rest; above, interleaved rANS decodes them several times faster and its
// lanes weigh nothing.
constexpr size_t kMostRangeCoded = 60000;
constexpr float kFeatureMax = 1e4f;    // far beyond what trained networks reach
constexpr int kVectorComponents = models::VectorCoder::kComponents;  // coarse x, y; four deltas x, y

std::span<const uint8_t> raw(const at::Tensor& t) {
  return {static_cast<const uint8_t*>(t.const_data_ptr()), static_cast<size_t>(t.numel()) * t.element_size()};
}
std::span<const int32_t> integers(const at::Tensor& t) { return {t.const_data_ptr<int32_t>(), static_cast<size_t>(t.numel())}; }
std::span<int32_t> integers(at::Tensor& t) { return {t.data_ptr<int32_t>(), static_cast<size_t>(t.numel())}; }
std::span<const uint8_t> bytes_of(const at::Tensor& t) { return {t.const_data_ptr<uint8_t>(), static_cast<size_t>(t.numel())}; }

// A row for each of a block's components, on the network's device.
at::Tensor vector_rows(const MotionModel& model, const at::Tensor& state, const Level& level) {
  const at::Tensor rows = model.network.prior().vector_rows(state, level, Mode::quantised);
  return at::cat({rows.narrow(-1, 0, 2), rows.narrow(-1, 2, 2).repeat({1, 1, 1, 4})}, -1);
}

[[noreturn]] void corrupt(const std::string& text) { throw Failure{{ErrorCode::corrupt, text}}; }

// Of vectors [1,h,w,10], where they are defined, hyperlatents and latents in a row.
uint32_t checksum_of(const at::Tensor& vectors, const SymbolScan& hyperlatents, const SymbolScan& latents) {
  if (!kChecks) return 0;
  uint32_t sum = vectors.defined() ? bitstream::crc32c(raw(vectors)) : 0;
  for (const SymbolScan* next : {&hyperlatents, &latents}) sum = bitstream::crc32c_joined(sum, next->checksum, next->count * sizeof(int32_t));
  return sum;
}

// Refuses what lies outside of +-most.
void check_range(const SymbolScan& scan, int32_t most, const char* what) {
  if (kChecks && (scan.lowest < -most || scan.highest > most)) corrupt(std::string(what) + " is out of range");
}

void get(const entropy::CdfTable& table, const at::Tensor& rows, entropy::RangeDecoder& coder, at::Tensor& symbols, const char* what) {
  if (!entropy::get_symbols(table, bytes_of(rows), coder, integers(symbols))) corrupt(std::string("the ") + what + " are damaged");
}

VectorField field_of(const at::Tensor& components, at::Device device) {
  const std::span<const int32_t> all = integers(components);
  for (size_t i = 0; kChecks && i < all.size(); ++i) {
    const int64_t most = i % kVectorComponents < 2 ? 2 * models::kVectorMax : models::kDeltaMax;
    if (std::abs(int64_t{all[i]}) > most) corrupt("a motion vector is out of range");
  }
  const at::Tensor real = components.to(at::kFloat);
  return {models::rebuild_vectors(real.narrow(-1, 0, 2)).to(device), real.narrow(-1, 2, 8).contiguous().to(device)};
}

// Within lo..hi, whatever a hostile stream has made of the network; what is no number becomes `lost`.
at::Tensor bounded(const at::Tensor& x, float lo, float hi, float lost) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat) return at::nan_to_num(x, lost).clamp_(lo, hi);
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty_like(in);
  const float* from = in.const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  models::parallel(in.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float v = from[i] > lo ? from[i] : lo;
      to[i] = from[i] == from[i] ? (v < hi ? v : hi) : lost;
    }
  });
  return out;
}

// What a frame leaves to the pixel path of the next one.
Motion::Reference reference_of(const Motion::Decoded& decoded, const at::Tensor& latents, const at::Tensor& gain) {
  const at::Tensor feature = decoded.feature.defined() ? bounded(decoded.feature, -kFeatureMax, kFeatureMax, 0) : at::Tensor();
  return {{bounded(decoded.picture.y, 0, 1, 0.5f), bounded(decoded.picture.uv, 0, 1, 0.5f)}, feature, latents, gain, {}};
}

// Rounded, within +-most; 0 for what is no number.
at::Tensor symbols_of(const at::Tensor& x, int32_t most) { return bounded(at::floor(x + 0.5), -static_cast<float>(most), static_cast<float>(most), 0); }

}  // namespace

FrameSymbols decode_frame(const MotionModel& model, std::span<const uint8_t> payload, bool key, const at::Tensor& state, models::VectorCoder& vectors, int64_t height,
                          int64_t width, Device device, VideoReport& report) {
  const c10::InferenceMode inference;
  const auto parsed = read_video_payload(payload, key);
  if (!parsed) throw Failure{parsed.status()};
  const Motion& net = model.network;
  const TemporalPrior& prior = net.prior();
  const int64_t h = height / 16, w = width / 16;
  const at::TensorOptions real = at::TensorOptions().dtype(at::kFloat).device(torch_device(device));
  FrameSymbols out;
  out.key = key;
  out.refresh = parsed->refresh;
  out.quality = parsed->quality;
  if (!key && parsed->empty()) {
    if (parsed->checksum && *parsed->checksum != 0) corrupt("the decoded symbols do not match their checksum");  // that of no symbols is 0
    out.repeat = true;
    out.checked = parsed->checksum.has_value();
    out.state = state;
    return out;
  }
  const Level level = Level::of(out.quality, real);
  const bool moves = !key && net.config().conditioning;
  if (key) vectors.reset();
  const at::Tensor before = key ? prior.initial_state(1, h, w, real) : state;

  entropy::RangeDecoder coder(std::as_bytes(parsed->coded));
  at::Tensor components, rows_v, rows_z;
  {
    const Stopwatch watch(report.seconds_network);
    Arrivals arrivals;
    if (moves) rows_v = arrivals.take(vector_rows(model, before, level), at::kByte);
    rows_z = arrivals.take(prior.hyper_rows(before, level, Mode::quantised), at::kByte);
    arrivals.wait();
  }
  const at::Device there = real.device();
  at::Tensor z = host_tensor(rows_z.sizes(), at::kInt, there), y;
  SymbolScan hyperlatents, latents;
  {
    const Stopwatch watch(report.seconds_entropy);
    if (moves) {
      components = host_tensor(rows_v.sizes(), at::kInt, there);
      if (net.config().vector_coding == models::VectorCoding::mixed) {
        vectors.decode(h, w, bytes_of(rows_v), integers(components), coder);
      } else {
        get(model.vector_table, rows_v, coder, components, "motion vectors");
      }
      out.vectors = field_of(components, there);
    }
    get(model.hyper_table, rows_z, coder, z, "hyperlatents");
    hyperlatents = scan_symbols(integers(z));
    check_range(hyperlatents, TemporalPrior::kHyperMax, "a hyperlatent");
  }
  at::Tensor moved, rows_y;
  at::Tensor small;  // the latents as bytes
  {
    const Stopwatch watch(report.seconds_network);
    moved = moves ? net.moved_state(before, out.vectors) : before;
    const TemporalPrior::Rows rows = prior.latent_rows(sent(z, at::kFloat, there), moved, level, Mode::quantised);
    out.feature = rows.feature;
    Arrivals arrivals;
    rows_y = arrivals.take(rows.index, at::kByte);
    arrivals.wait();
  }
  {
    const Stopwatch watch(report.seconds_entropy);
    y = host_tensor(rows_y.sizes(), at::kInt, there);
    if (parsed->latents) {
      switch (entropy::decode(model.latent_table, parsed->latents->coded, bytes_of(rows_y), static_cast<int>(parsed->latents->lanes), integers(y))) {
        case entropy::DecodeError::none:
          break;
        case entropy::DecodeError::truncated:
          corrupt("the latents end too early");
        case entropy::DecodeError::corrupt:
          corrupt("the latents are damaged");
      }
    } else {
      get(model.latent_table, rows_y, coder, y, "latents");
    }
    if (!coder.at_end()) corrupt("a frame's symbols do not end where they should");
    if (device != Device::cpu) small = host_tensor(y.sizes(), at::kChar, there);
    latents = scan_symbols(integers(y), small.defined() ? std::span(small.data_ptr<int8_t>(), static_cast<size_t>(small.numel())) : std::span<int8_t>());
    check_range(latents, kLatentMax, "a latent");
  }
  {
    // The device makes the next state while the rest is done here: the next frame's symbols wait for it. To a GPU latents travel as bytes where they
    // fit, which a frame's nearly always do: a fourth of the way.
    const Stopwatch watch(report.seconds_network);
    out.latents = sent(small.defined() && latents.magnitude() <= INT8_MAX ? small : y, at::kFloat, there);
    const at::Tensor news = moves ? sent(components, at::kFloat, there) : at::zeros({1, h, w, kVectorComponents}, real);
    out.state = prior.next_state(out.feature, moved, out.latents, news, Mode::quantised);
  }
  {
    const Stopwatch watch(report.seconds_entropy);
    out.checksum = checksum_of(components, hyperlatents, latents);
    if (parsed->checksum) {
      if (kChecks && *parsed->checksum != static_cast<uint8_t>(out.checksum)) corrupt("the decoded symbols do not match their checksum");
      out.checked = true;
    }
    const size_t coded = count_coded(bytes_of(rows_y), model.latent_table.skip_below());
    report.symbols_coded += coded + static_cast<size_t>(z.numel()) + (moves ? static_cast<size_t>(components.numel()) : 0);
    report.symbols_skipped += static_cast<size_t>(y.numel()) - coded;
  }
  return out;
}

FrameLatents frame_latents(const MotionModel& model, const FrameSymbols& symbols, const Motion::Reference& before, VideoReport& report) {
  const c10::InferenceMode inference;
  const Stopwatch watch(report.seconds_network);
  const Motion& net = model.network;
  const Level level = Level::of(symbols.quality, symbols.latents.options());
  const int64_t height = symbols.latents.size(1) * 16, width = symbols.latents.size(2) * 16;
  Motion::Reference reference = before;
  if (symbols.refresh) reference.feature = at::Tensor();
  reference.state = at::Tensor();
  FrameLatents out;
  out.quality = symbols.quality;
  out.context = symbols.key ? net.key_context(1, height, width, level) : net.context(reference, symbols.vectors, level);
  out.gain = net.latent_gain(level);
  out.latents = net.run_means(symbols.feature, out.context, out.gain, [&](int, const at::Tensor& mean) { return symbols.latents + mean; });
  // Several frames may wait for their pictures: without what only the means and the entropy path see.
  out.context.temporal = out.context.state = out.context.input_state = at::Tensor();
  return out;
}

Motion::Reference frame_picture(const MotionModel& model, const FrameLatents& frame, VideoReport& report) {
  const c10::InferenceMode inference;
  const Stopwatch watch(report.seconds_network);
  const Motion& net = model.network;
  Motion::Decoded decoded = net.synthesis(frame.latents, frame.context, Level::of(frame.quality, frame.latents.options()));
  if (!pictures_depend(model)) decoded.feature = at::Tensor();
  return reference_of(decoded, frame.latents, frame.gain);
}

std::vector<uint8_t> repeat_payload(int quality, bool checksum) {
  VideoPayload payload;
  payload.quality = quality;
  if (checksum) payload.checksum = uint8_t{0};
  return write_video_payload(payload);
}

FramePlan plan_key_frame(const MotionModel& model, int64_t height, int64_t width, int quality, Device device) {
  const c10::InferenceMode inference;
  const at::TensorOptions real = at::TensorOptions().dtype(at::kFloat).device(torch_device(device));
  return {{}, model.network.key_context(1, height, width, Level::of(quality, real))};
}

FramePlan plan_frame(const MotionModel& model, const models::Planes& picture, const Motion::Reference& reference, int quality, bool refresh, int effort,
                     VideoReport& report) {
  const c10::InferenceMode inference;
  const Motion& net = model.network;
  const Level level = Level::of(quality, picture.y.options());
  FramePlan plan;
  Motion::Reference used = reference;
  if (refresh) used.feature = at::Tensor();
  if (net.config().conditioning) {
    const Stopwatch watch(report.seconds_search);
    const models::MotionConfig& c = net.config();
    const double lambda = c.lambda_min * std::pow(c.lambda_max / c.lambda_min, quality / 63.0);
    const models::SearchOptions search = {.reach = effort < 2 ? 16 : effort < 8 ? 32 : 64, .quarters = effort >= 2, .visits = effort < 5 ? 2 : 3,
                                          .diagonals = effort >= 5, .interpolation = c.interpolation};
    // Without the project's kernels on the CPU also for a GPU: what tensor operators find costs up to 15 % more bits on fast motion (docs/results/video.md).
    const bool here = picture.y.is_cpu() || models::gpu_search_is_good();
    const at::Tensor now = here ? picture.y : picture.y.cpu(), before = here ? used.picture.y : used.picture.y.cpu();
    plan.vectors = models::search_vectors(now, before, at::full({1, 1, 1}, c.vector_weight() / std::sqrt(lambda), now.options()), search);
    plan.vectors = {plan.vectors.coarse.to(picture.y.device()), plan.vectors.delta.to(picture.y.device())};
  }
  const Stopwatch watch(report.seconds_network);
  plan.context = net.context(used, plan.vectors, level);
  return plan;
}

CodedFrame encode_frame(const MotionModel& model, const models::Planes& picture, const FramePlan& plan, const FrameOptions& options, VideoReport& report) {
  const c10::InferenceMode inference;
  const Motion& net = model.network;
  const TemporalPrior& prior = net.prior();
  const at::TensorOptions real = picture.y.options();
  const Level level = Level::of(options.quality, real);
  const Motion::Context& context = plan.context;
  const bool moves = plan.vectors.defined();
  const int64_t h = picture.height() / 16, w = picture.width() / 16;

  CodedFrame out;
  out.options = options;
  const Stopwatch watch(report.seconds_network);
  const at::Tensor news = moves ? at::cat({plan.vectors.coarse - models::predict_vectors(plan.vectors.coarse), plan.vectors.delta}, -1)
                                : at::zeros({1, h, w, kVectorComponents}, real);
  const auto [y, z] = net.analysis(picture, context, level);
  const at::Tensor z_hat = symbols_of(z, TemporalPrior::kHyperMax);
  const TemporalPrior::Rows rows = prior.latent_rows(z_hat, context.state, level, Mode::quantised);
  const at::Tensor coded = rows.index.ge(model.latent_table.skip_below());
  const at::Tensor gain = net.latent_gain(level);
  at::Tensor symbols;
  const at::Tensor y_hat = net.run_means(rows.feature, context, gain, [&, &latents = y](int step, const at::Tensor& mean) {
    const at::Tensor s = symbols_of(latents - mean, kLatentMax) * coded;
    const at::Tensor part = net.masked(step, s);
    symbols = step == 0 ? part : symbols + part;
    return s + mean;
  });
  out.next = reference_of(net.synthesis(y_hat, context, level), y_hat, gain);
  out.next.state = prior.next_state(rows.feature, context.state, symbols, news, Mode::quantised);
  if (moves) {
    out.rows_vectors = out.arrivals.take(vector_rows(model, context.input_state, level), at::kByte);
    out.vectors = out.arrivals.take(news, at::kInt);
  }
  out.rows_z = out.arrivals.take(prior.hyper_rows(context.input_state, level, Mode::quantised), at::kByte);
  out.z = out.arrivals.take(z_hat, at::kInt);
  out.y = out.arrivals.take(symbols, at::kInt);
  out.rows_y = out.arrivals.take(rows.index, at::kByte);
  return out;
}

FramePayload pack_frame(const MotionModel& model, const CodedFrame& frame, models::VectorCoder& vectors, VideoReport& report) {
  const Stopwatch watch(report.seconds_entropy);
  const bool moves = frame.vectors.defined();
  FramePayload out;
  VideoPayload payload;
  payload.quality = frame.options.quality;
  payload.refresh = frame.options.refresh;
  const size_t coded = count_coded(bytes_of(frame.rows_y), model.latent_table.skip_below());
  const bool apart = coded > kMostRangeCoded;
  entropy::RangeEncoder coder;
  std::vector<uint8_t> lanes;
  if (apart) payload.latents = bitstream::Latents{.lanes = static_cast<uint32_t>(entropy::lanes_for(coded)), .coded = {}};
  // Three pieces that need nothing of each other.
  const auto piece = [&](int64_t which) {
    if (which == 0) {
      if (moves && model.network.config().vector_coding == models::VectorCoding::mixed) {
        vectors.encode(frame.vectors.size(1), frame.vectors.size(2), bytes_of(frame.rows_vectors), integers(frame.vectors), coder);
      } else if (moves) {
        entropy::put_symbols(model.vector_table, integers(frame.vectors), bytes_of(frame.rows_vectors), coder);
      }
      entropy::put_symbols(model.hyper_table, integers(frame.z), bytes_of(frame.rows_z), coder);
      if (!apart) entropy::put_symbols(model.latent_table, integers(frame.y), bytes_of(frame.rows_y), coder);
    } else if (which == 1 && apart) {
      entropy::encode(model.latent_table, integers(frame.y), bytes_of(frame.rows_y), static_cast<int>(payload.latents->lanes), lanes);
    } else if (which == 2) {
      out.checksum = checksum_of(frame.vectors, scan_symbols(integers(frame.z)), scan_symbols(integers(frame.y)));
    }
  };
  models::parallel(3, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) piece(i);
  });
  if (frame.options.checksum) payload.checksum = static_cast<uint8_t>(out.checksum);
  if (apart) payload.latents->coded = lanes;
  const std::vector<std::byte> first = coder.finish();
  payload.coded = {reinterpret_cast<const uint8_t*>(first.data()), first.size()};
  if (payload.empty()) throw std::logic_error("a frame whose symbols leave no bytes");  // each the first of its row: it would be read as a repetition
  out.bytes = write_video_payload(payload);
  report.symbols_coded += coded + static_cast<size_t>(frame.z.numel()) + (moves ? static_cast<size_t>(frame.vectors.numel()) : 0);
  report.symbols_skipped += static_cast<size_t>(frame.y.numel()) - coded;
  return out;
}

}  // namespace tessera
