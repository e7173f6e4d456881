/*
 * Tessera's C interface: still images, sound and video to .tsr streams and back, for programs in C and for bindings. Manual: docs/c-api.md.
 *
 *   tsr_image_decoder* decoder = NULL;
 *   tsr_image* picture = NULL;
 *   tsr_image_view view = TSR_INIT(tsr_image_view);
 *   if (tsr_image_decoder_create(NULL, &decoder, NULL) == TSR_OK &&
 *       tsr_image_decoder_decode(decoder, stream, size, &picture, NULL, NULL) == TSR_OK &&
 *       tsr_image_get_view(picture, &view) == TSR_OK) show(view.data, view.width, view.height);
 *   tsr_image_free(picture);
 *   tsr_image_decoder_free(decoder);
 *
 * Conventions
 *
 * - Results. A function that can fail returns a tsr_code. Its last parameter, a tsr_error, receives a sentence; NULL: not wanted. Result
 *   pointers (`tsr_image** image`) are set to NULL when the call fails. No C++ exception leaves the library.
 * - Structs. Each begins with struct_size, the size that the caller was compiled with, and grows at its end only. An older, smaller struct
 *   stays valid: what it lacks has its default when it is read and is left out when it is written. What a newer, larger one has in addition
 *   must be zero when it is read (otherwise TSR_UNSUPPORTED) and is set to zero when it is written. A struct_size below that of
 *   version 0.1, or above 4096, is TSR_INVALID_ARGUMENT. Options are set up by tsr_..._options_init(), all other structs with TSR_INIT.
 * - Memory. Opaque handles are freed by their own tsr_..._free(), byte buffers by tsr_free(); NULL is allowed there. Every other pointer that
 *   the library hands out belongs to a handle; the function says how long it is valid. Input is not kept after the call returns.
 * - Threads. There is no global state to set up. A handle may be used by one thread at a time, and by different threads one after the
 *   other; different handles are independent and share the loaded weights. Functions without a handle may be called from any thread at
 *   any time. Reading functions that take a const handle (tsr_image, tsr_info, tsr_models) may run in several threads at once.
 *   The image networks of all handles share one pool of worker threads, whose size is that of the latest call.
 * - Strings are UTF-8 and end with a zero byte. In options NULL stands for the default.
 * - Audio and video are packet by packet: one family of handles a medium, send, receive, flush.
 */
#ifndef TESSERA_CODEC_TESSERA_C_H
#define TESSERA_CODEC_TESSERA_C_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TSR_API __attribute__((visibility("default")))
#else
#define TSR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Zero but for its size: `tsr_image_view view = TSR_INIT(tsr_image_view);` */
#ifdef __cplusplus
#define TSR_INIT(type) [] { type zero{}; zero.struct_size = sizeof zero; return zero; }()
#else
#define TSR_INIT(type) {.struct_size = sizeof(type)}
#endif

/* ---- Codes and messages --------------------------------------------------------------------------------------------------------- */

/* The numbers are stable, and those of tessera::ErrorCode (bitstream/status.h). A later library may return further ones. */
typedef enum tsr_code {
  TSR_OK = 0,
  TSR_TRUNCATED = 1,        /* the stream ends too early; more bytes could help */
  TSR_CORRUPT = 2,          /* the bytes contradict the format, or a checksum failed */
  TSR_UNSUPPORTED = 3,      /* valid, but of a later version or a feature that this library does not have */
  TSR_LIMIT = 4,            /* decoding would exceed a limit that the caller set */
  TSR_MODEL_MISSING = 5,    /* the stream names a model that is not installed, or its weights cannot be read */
  TSR_OUT_OF_MEMORY = 6,
  TSR_DEVICE = 7,           /* the accelerator failed or is not there */
  TSR_INVALID_ARGUMENT = 8, /* the caller asked for something that cannot be */
  TSR_IO = 9,               /* reading or writing a file failed */
  TSR_CANCELLED = 10        /* a tsr_progress callback asked for it */
} tsr_code;

#define TSR_MESSAGE_BYTES 500

/* What went wrong, in one sentence that is cut to fit. Written by every call that gets it: code TSR_OK and "" after success. */
typedef struct tsr_error {
  size_t struct_size;
  int32_t code; /* a tsr_code */
  char message[TSR_MESSAGE_BYTES];
} tsr_error;

/* "corrupt", "model missing", ...; "unknown" for a number that is no code. Static memory. */
TSR_API const char* tsr_code_name(int32_t code);

/* Version of the library in use, "0.1.0"; TSR_VERSION is that of this header. Static memory. */
#define TSR_VERSION "0.1.0"
TSR_API const char* tsr_version(void);

/* Frees a byte buffer that a function of this header allocated. */
TSR_API void tsr_free(void* buffer);

/* ---- Still images --------------------------------------------------------------------------------------------------------------- */

enum { TSR_DEVICE_CPU = 0, TSR_DEVICE_CUDA = 1 };

/* Called from the coding thread with the fraction done, 0..1, and the pointer of the options. 0: cancel; anything else: go on. It must
 * not use the handle that calls it, and must return (no longjmp, no exception). */
typedef int (*tsr_progress)(double done, void* user);

/* Interleaved samples. Channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (alpha not premultiplied). A sample is a uint8_t when bit_depth is
 * 8, otherwise a native-endian uint16_t in [0, 2^bit_depth - 1]. */
typedef struct tsr_image_view {
  size_t struct_size;
  const void* data;
  size_t stride; /* bytes from one row to the next */
  uint32_t width;
  uint32_t height;
  uint32_t channels;
  uint32_t bit_depth; /* 8..16 */
} tsr_image_view;

/* Code points of ITU-T H.273 (CICP). sRGB is {1, 13, 0, 1}. */
typedef struct tsr_colour {
  uint8_t primaries;
  uint8_t transfer;
  uint8_t matrix;
  uint8_t full_range; /* 0 or 1 */
} tsr_colour;

/* What travels with a picture, byte for byte. A size of 0 means absent. */
typedef struct tsr_metadata {
  size_t struct_size;
  const uint8_t* icc; /* ICC profile */
  size_t icc_size;
  const uint8_t* exif; /* TIFF-structured EXIF block, without the "Exif\0\0" prefix */
  size_t exif_size;
  const uint8_t* xmp; /* XMP packet */
  size_t xmp_size;
  tsr_colour colour; /* four zeros: sRGB */
  uint32_t reserved; /* 0 */
} tsr_metadata;

/* What one call of an encoder or decoder did. */
typedef struct tsr_image_report {
  size_t struct_size;
  uint64_t symbols_coded;
  uint64_t symbols_skipped;
  double seconds_network;
  double seconds_entropy;
  uint32_t symbol_checksum;
  int32_t quality; /* the one that was chosen, of interest with bpp */
} tsr_image_report;

typedef struct tsr_image_encoder_options {
  size_t struct_size;
  const char* model;       /* NULL: "still" */
  const char* weights_dir; /* NULL: $TESSERA_WEIGHTS, else share/tessera/weights of the prefix where the library lies */
  tsr_progress progress;   /* NULL: none */
  void* progress_user;
  double bpp;       /* bits per pixel to aim at, overrides quality; 0: quality decides */
  int32_t quality;  /* 0 (smallest file) .. 63 (best); 32 */
  int32_t device;   /* TSR_DEVICE_CPU */
  int32_t threads;  /* 0: all cores */
  int32_t effort;   /* 0..9; 5. From 7 on the latents are refined, which takes many times as long */
  int32_t checksum; /* 0 or 1: store a checksum of the decoded symbols (4 bytes); 1 */
  uint32_t tile;    /* tile side in pixels, a multiple of 64; 0: chosen by size and memory */
} tsr_image_encoder_options;

/* Fills in the defaults. `struct_size`: sizeof *options. Nothing happens when options is NULL. */
TSR_API void tsr_image_encoder_options_init(tsr_image_encoder_options* options, size_t struct_size);

typedef struct tsr_image_encoder tsr_image_encoder;

/* Loads the model. options NULL: the defaults. Errors: TSR_MODEL_MISSING, TSR_DEVICE, TSR_INVALID_ARGUMENT. */
TSR_API tsr_code tsr_image_encoder_create(const tsr_image_encoder_options* options, tsr_image_encoder** encoder, tsr_error* error);
TSR_API void tsr_image_encoder_free(tsr_image_encoder* encoder);

/* Encodes a picture to a whole stream, which the caller frees with tsr_free(). metadata, report: may be NULL. */
TSR_API tsr_code tsr_image_encoder_encode(tsr_image_encoder* encoder, const tsr_image_view* image, const tsr_metadata* metadata,
                                          uint8_t** stream, size_t* size, tsr_image_report* report, tsr_error* error);

typedef struct tsr_image_decoder_options {
  size_t struct_size;
  const char* weights_dir; /* as above */
  tsr_progress progress;
  void* progress_user;
  uint64_t max_pixels;    /* limits, checked before anything is allocated: width x height; 2^28 */
  uint64_t max_memory;    /* bytes, predicted from the header; 2^33 */
  uint64_t max_metadata;  /* bytes of ICC, EXIF and XMP together; 2^26 */
  uint32_t max_dimension; /* of width and height; 65535 */
  int32_t device;         /* TSR_DEVICE_CPU */
  int32_t threads;        /* 0: all cores */
  uint32_t reserved;      /* 0 */
  double max_seconds;     /* on the clock, for a picture: TSR_LIMIT afterwards; 0: any. */
} tsr_image_decoder_options;

TSR_API void tsr_image_decoder_options_init(tsr_image_decoder_options* options, size_t struct_size);

typedef struct tsr_image_decoder tsr_image_decoder;

/* Which model a stream needs, the stream says: weights are loaded by the first tsr_image_decoder_decode(). */
TSR_API tsr_code tsr_image_decoder_create(const tsr_image_decoder_options* options, tsr_image_decoder** decoder, tsr_error* error);
TSR_API void tsr_image_decoder_free(tsr_image_decoder* decoder);

/* A decoded picture; independent of the decoder that made it. */
typedef struct tsr_image tsr_image;
TSR_API void tsr_image_free(tsr_image* image);

/* Decodes a whole stream. A wrong checksum of the symbols is TSR_CORRUPT. report: may be NULL. */
TSR_API tsr_code tsr_image_decoder_decode(tsr_image_decoder* decoder, const uint8_t* stream, size_t size, tsr_image** image,
                                          tsr_image_report* report, tsr_error* error);

/* Decodes the symbols only and proves their checksum. */
TSR_API tsr_code tsr_image_decoder_verify(tsr_image_decoder* decoder, const uint8_t* stream, size_t size, tsr_image_report* report,
                                          tsr_error* error);

/* The samples (rows without gaps) and what came with them: pointers into the image, valid until it is freed. These
 * and all other getters without a tsr_error fail with TSR_INVALID_ARGUMENT only: a null pointer, or a struct that is too small. */
TSR_API tsr_code tsr_image_get_view(const tsr_image* image, tsr_image_view* view);
TSR_API tsr_code tsr_image_get_metadata(const tsr_image* image, tsr_metadata* metadata);

/* TSR_OK when the CUDA back end can be loaded and a device is there; otherwise TSR_DEVICE, and the error says what is missing. */
TSR_API tsr_code tsr_cuda_available(tsr_error* error);

/* ---- Sound ---------------------------------------------------------------------------------------------------------------------- */

/* Interleaved samples, full scale -1..1. */
typedef struct tsr_audio_view {
  size_t struct_size;
  const float* samples; /* frames * channels of them */
  size_t frames;
  uint64_t time;        /* of the first frame, in frames from the start of the sound; not read by the encoder */
  uint32_t channels;
  uint32_t sample_rate; /* Hz */
} tsr_audio_view;

/* A packet with its framing, or the index at the end of a stream. A stream is the header followed by the packets, byte after byte. */
typedef struct tsr_audio_packet {
  size_t struct_size;
  const uint8_t* data; /* NULL: none is ready */
  size_t size;
  uint64_t time;       /* of its first frame, in frames, priming included */
  uint32_t index;      /* 1: the index for seeking, no sound */
  uint32_t reserved;
} tsr_audio_packet;

/* The format of an encoder's input or a decoder's output. */
typedef struct tsr_audio_format {
  size_t struct_size;
  uint64_t channel_mask;  /* as in WAVEFORMATEXTENSIBLE; decoder only */
  uint64_t block_samples; /* frames a packet */
  uint64_t preroll;       /* frames that seeking has to start earlier; decoder only */
  double bit_rate;        /* bit/s; encoder only */
  double delay;           /* seconds of coding and decoding, look-ahead not counted; encoder only */
  uint32_t sample_rate;   /* Hz */
  uint32_t channels;
  uint32_t causal;        /* 1: no frame depends on a later one; decoder only */
  uint32_t reserved;
  uint64_t priming;       /* frames of the packets' time line before the sound begins: what `time` of a packet has in addition */
} tsr_audio_format;

/* What an encoder or decoder has done so far. */
typedef struct tsr_audio_report {
  size_t struct_size;
  uint64_t packets;  /* coded or decoded, lost ones not counted */
  uint64_t lost;     /* packets that were concealed */
  uint64_t bytes;    /* header, packets and index */
  uint64_t samples;  /* for each channel, sent or given out */
  uint64_t indices;  /* codebook indices */
  uint64_t replaced; /* samples that were NaN or infinite and became 0 */
  uint64_t checked;  /* packets whose stored checksum was compared */
  double levels;     /* mean number of levels a frame */
  uint32_t symbol_checksum;
  uint32_t reserved;
} tsr_audio_report;

typedef struct tsr_audio_encoder_options {
  size_t struct_size;
  const char* model;         /* "speech" (24 kHz mono) or "sound" (48 kHz); NULL: chosen by channels and bit_rate */
  const char* weights_dir;   /* as above */
  double bit_rate;           /* bit/s of the whole stream; 0: the model's usual one */
  double lookahead;          /* seconds that the encoder looks ahead; packets come so much later; 10 */
  uint32_t channels;         /* of what is sent, 1 or 2; 1 */
  uint32_t source_bit_depth; /* 1..32, for the header only; 16 */
  int32_t low_delay;         /* 0 or 1: no look-ahead, packets of about 25 ms; 0 */
  int32_t checksum;          /* 0 or 1: one byte a packet that proves the decoded indices; 1 */
  int32_t index;             /* 0 or 1: end with an index for seeking, in streams longer than 20 s; 1 */
  uint32_t reserved;         /* 0 */
  int32_t effort;            /* 0..9: how many choices of codes are weighed against each other; 5. From 7 on the encoder listens to what it
                               sends and refines it, which takes ten times as long and more */
  uint32_t reserved2;        /* 0 */
  double times;              /* seconds, up to 3600, from one packet that stores its time to the next, so that sound behind a loss keeps its
                               place; 0: only those that the index names; 0. A video's sound wants 0.5 */
} tsr_audio_encoder_options;

TSR_API void tsr_audio_encoder_options_init(tsr_audio_encoder_options* options, size_t struct_size);

typedef struct tsr_audio_encoder tsr_audio_encoder;

/* One encoder codes one stream. Errors: TSR_MODEL_MISSING, TSR_INVALID_ARGUMENT (a bit rate that the model cannot reach). */
TSR_API tsr_code tsr_audio_encoder_create(const tsr_audio_encoder_options* options, tsr_audio_encoder** encoder, tsr_error* error);
TSR_API void tsr_audio_encoder_free(tsr_audio_encoder* encoder);
TSR_API tsr_code tsr_audio_encoder_get_format(const tsr_audio_encoder* encoder, tsr_audio_format* format);
TSR_API tsr_code tsr_audio_encoder_get_report(const tsr_audio_encoder* encoder, tsr_audio_report* report);

/* The file header, valid until the encoder is freed. */
TSR_API tsr_code tsr_audio_encoder_get_header(const tsr_audio_encoder* encoder, const uint8_t** header, size_t* size);

/* Samples of any number of frames, in the encoder's format. What comes out does not depend on how they are cut into calls. */
TSR_API tsr_code tsr_audio_encoder_send(tsr_audio_encoder* encoder, const tsr_audio_view* samples, tsr_error* error);
/* The sound ends here; the remaining packets can be received, and nothing more be sent. */
TSR_API tsr_code tsr_audio_encoder_flush(tsr_audio_encoder* encoder, tsr_error* error);
/* The next packet, or data NULL and TSR_OK when none is ready. The bytes are valid until the next call with this encoder. */
TSR_API tsr_code tsr_audio_encoder_receive(tsr_audio_encoder* encoder, tsr_audio_packet* packet, tsr_error* error);

typedef struct tsr_audio_decoder_options {
  size_t struct_size;
  const char* weights_dir; /* as above */
  int32_t symbols_only;    /* 0 or 1: prove the checksums, make no sound; 0 */
  uint32_t reserved;       /* 0 */
  double max_seconds;      /* on the clock, from the header on: TSR_LIMIT afterwards; 0: any. */
} tsr_audio_decoder_options;

TSR_API void tsr_audio_decoder_options_init(tsr_audio_decoder_options* options, size_t struct_size);

typedef struct tsr_audio_decoder tsr_audio_decoder;

TSR_API tsr_code tsr_audio_decoder_create(const tsr_audio_decoder_options* options, tsr_audio_decoder** decoder, tsr_error* error);
TSR_API void tsr_audio_decoder_free(tsr_audio_decoder* decoder);

/* The file header: the first thing that a decoder gets, once. All other functions with a decoder are TSR_INVALID_ARGUMENT before. Errors:
 * those of a broken header, TSR_UNSUPPORTED (no sound), TSR_MODEL_MISSING. */
TSR_API tsr_code tsr_audio_decoder_open(tsr_audio_decoder* decoder, const uint8_t* header, size_t size, tsr_error* error);
TSR_API tsr_code tsr_audio_decoder_get_format(const tsr_audio_decoder* decoder, tsr_audio_format* format);
TSR_API tsr_code tsr_audio_decoder_get_report(const tsr_audio_decoder* decoder, tsr_audio_report* report);

/* One whole packet. A time stamp later than expected tells of lost packets, which are concealed. After TSR_CORRUPT, TSR_TRUNCATED or
 * TSR_UNSUPPORTED the packet has changed nothing: go on with tsr_audio_decoder_lost(..., 1, ...) or the next packet. */
TSR_API tsr_code tsr_audio_decoder_send(tsr_audio_decoder* decoder, const uint8_t* packet, size_t size, tsr_error* error);
/* So many packets never came: the sound is continued for some milliseconds and faded out. */
TSR_API tsr_code tsr_audio_decoder_lost(tsr_audio_decoder* decoder, uint64_t packets, tsr_error* error);
/* The stream ends here. */
TSR_API tsr_code tsr_audio_decoder_flush(tsr_audio_decoder* decoder, tsr_error* error);
/* The samples that are ready, or samples NULL and TSR_OK when none are. Valid until the next call with this decoder. */
TSR_API tsr_code tsr_audio_decoder_receive(tsr_audio_decoder* decoder, tsr_audio_view* samples, tsr_error* error);
/* Starts anew: the next packet has the time stamp packet_time, and frames before `first` (in frames of the sound, without priming) are
 * dropped. Exact from packet_time <= first + priming - preroll on. */
TSR_API tsr_code tsr_audio_decoder_seek(tsr_audio_decoder* decoder, uint64_t packet_time, uint64_t first, tsr_error* error);

/* ---- Video ---------------------------------------------------------------------------------------------------------------------- */

/* What all frames of a video have in common; 4:2:0. */
typedef struct tsr_video_format {
  size_t struct_size;
  uint32_t width;                /* luma samples; chroma planes have (width + 1) / 2 columns */
  uint32_t height;               /* likewise */
  uint32_t bit_depth;            /* 8 or 10; 8 */
  tsr_colour colour;             /* four zeros: BT.709, limited range */
  uint32_t chroma_location;      /* Chroma420SampleLocType of H.273: 0 (left) .. 5; 0 */
  uint32_t rate_numerator;       /* one tick of the time stamps is rate_denominator / rate_numerator seconds; 25 / 1 */
  uint32_t rate_denominator;
  uint32_t frame_ticks;          /* from a frame to the next, as a rule; 1 */
  uint32_t aspect_numerator;     /* width to height of a sample; 1 / 1 */
  uint32_t aspect_denominator;
  uint32_t rotation;             /* degrees clockwise to show it upright: 0, 90, 180, 270 */
  uint32_t reserved;             /* 0 */
} tsr_video_format;

/* Fills in the defaults; width and height stay 0. */
TSR_API void tsr_video_format_init(tsr_video_format* format, size_t struct_size);

/* Planes Y, Cb, Cr of uint8_t at 8 bits, otherwise of native-endian uint16_t in 0..1023. */
typedef struct tsr_video_view {
  size_t struct_size;
  const void* planes[3];
  size_t strides[3]; /* bytes from one row to the next */
  uint64_t time;     /* ticks; for an encoder later than the frame before */
  int32_t quality;   /* 0..63, as the packet says; decoder only */
  int32_t key;       /* 0 or 1. An encoder is told by 1 to code a key frame whatever the options say */
  int32_t concealed; /* 0 or 1: not what was coded, since a packet is lost or damaged; decoder only */
  uint32_t reserved; /* 0 */
} tsr_video_view;

/* A packet with its framing, or the index at the end of a stream. A stream is the header followed by the packets, byte after byte. */
typedef struct tsr_video_packet {
  size_t struct_size;
  const uint8_t* data; /* NULL: none is ready */
  size_t size;
  uint64_t time;   /* ticks */
  int32_t quality; /* 0..63 */
  uint32_t key;    /* 1: depends on no other packet */
  uint32_t index;  /* 1: the index for seeking, no frame */
  uint32_t reserved;
} tsr_video_packet;

/* What an encoder or decoder has done so far. */
typedef struct tsr_video_report {
  size_t struct_size;
  uint64_t frames;     /* coded or decoded, concealed ones not counted */
  uint64_t key_frames;
  uint64_t scene_cuts; /* key frames that the encoder placed where the scene changes */
  uint64_t concealed;  /* frames given out that are not what was coded */
  uint64_t bytes;      /* header, packets and index */
  uint64_t symbols_coded;
  uint64_t symbols_skipped;
  uint64_t checked; /* packets whose stored checksum was compared */
  double seconds_network;
  double seconds_entropy;
  double seconds_search; /* of motion vectors */
  uint32_t symbol_checksum;
  uint32_t reserved;
} tsr_video_report;

typedef struct tsr_video_encoder_options {
  size_t struct_size;
  const char* model;       /* "motion-lite" (for CPUs) or "motion" (for GPUs); NULL: chosen by the device */
  const char* weights_dir; /* as above */
  double bit_rate;         /* bit/s of the packets to aim at, instead of a quality; 0: quality decides */
  double buffer;           /* seconds of the bit rate that a receiver's buffer holds; 1 */
  int32_t quality;         /* 0 (smallest) .. 63 (best), of most frames; 32 */
  int32_t scene_cuts;      /* 0 or 1: a key frame where a picture has nothing in common with the one before; 1 */
  uint32_t keyint;         /* frames from one key frame to the next, at most; 0: only at the start and at scene cuts */
  uint32_t refresh;        /* frames after which what has piled up beside the picture is dropped, 0: never; 32 */
  int32_t effort;          /* 0..9: reach and precision of the motion search; 5 */
  int32_t checksum;        /* 0 or 1: one byte a packet that proves the decoded symbols; 1 */
  int32_t index;           /* 0 or 1: end with an index of the key frames, where there are several; 1 */
  int32_t device;          /* TSR_DEVICE_CPU */
  int32_t threads;         /* 0: all cores */
  uint32_t reserved;       /* 0 */
} tsr_video_encoder_options;

TSR_API void tsr_video_encoder_options_init(tsr_video_encoder_options* options, size_t struct_size);

typedef struct tsr_video_encoder tsr_video_encoder;

/* One encoder codes one stream of one format. options NULL: the defaults. Errors: TSR_MODEL_MISSING, TSR_DEVICE, TSR_INVALID_ARGUMENT. */
TSR_API tsr_code tsr_video_encoder_create(const tsr_video_encoder_options* options, const tsr_video_format* format,
                                          tsr_video_encoder** encoder, tsr_error* error);
TSR_API void tsr_video_encoder_free(tsr_video_encoder* encoder);
TSR_API tsr_code tsr_video_encoder_get_format(const tsr_video_encoder* encoder, tsr_video_format* format);
TSR_API tsr_code tsr_video_encoder_get_report(const tsr_video_encoder* encoder, tsr_video_report* report);

/* The file header, valid until the encoder is freed. */
TSR_API tsr_code tsr_video_encoder_get_header(const tsr_video_encoder* encoder, const uint8_t** header, size_t* size);

/* Codes a frame; its packet can be received at once. */
TSR_API tsr_code tsr_video_encoder_send(tsr_video_encoder* encoder, const tsr_video_view* frame, tsr_error* error);
/* The video ends here; the remaining packets can be received, and nothing more be sent. */
TSR_API tsr_code tsr_video_encoder_flush(tsr_video_encoder* encoder, tsr_error* error);
/* The next packet, or data NULL and TSR_OK when none is ready. The bytes are valid until the next call with this encoder. */
TSR_API tsr_code tsr_video_encoder_receive(tsr_video_encoder* encoder, tsr_video_packet* packet, tsr_error* error);

typedef struct tsr_video_decoder_options {
  size_t struct_size;
  const char* weights_dir; /* as above */
  uint64_t max_pixels;     /* limits as for images, checked by tsr_video_decoder_open() */
  uint64_t max_memory;
  uint64_t max_metadata;
  uint32_t max_dimension;
  int32_t device;          /* TSR_DEVICE_CPU */
  int32_t threads;         /* 0: all cores */
  int32_t strict;          /* 0 or 1: a packet that depends on a lost one is an error instead of a concealed frame; 0 */
  int32_t symbols_only;    /* 0 or 1: prove the checksums, make no pictures; 0 */
  int32_t ahead;           /* frames by which symbols may run ahead of pictures, on a thread of their own; so much later come frames; 0 */
  double max_seconds;      /* on the clock, from the header on: TSR_LIMIT afterwards; 0: any. */
} tsr_video_decoder_options;

TSR_API void tsr_video_decoder_options_init(tsr_video_decoder_options* options, size_t struct_size);

typedef struct tsr_video_decoder tsr_video_decoder;

TSR_API tsr_code tsr_video_decoder_create(const tsr_video_decoder_options* options, tsr_video_decoder** decoder, tsr_error* error);
TSR_API void tsr_video_decoder_free(tsr_video_decoder* decoder);

/* The file header: the first thing that a decoder gets, once. All other functions with a decoder are TSR_INVALID_ARGUMENT before. Errors:
 * those of a broken header, TSR_UNSUPPORTED (no video), TSR_LIMIT, TSR_MODEL_MISSING. */
TSR_API tsr_code tsr_video_decoder_open(tsr_video_decoder* decoder, const uint8_t* header, size_t size, tsr_error* error);
TSR_API tsr_code tsr_video_decoder_get_format(const tsr_video_decoder* decoder, tsr_video_format* format);
TSR_API tsr_code tsr_video_decoder_get_report(const tsr_video_decoder* decoder, tsr_video_report* report);

/* One whole packet. After TSR_CORRUPT, TSR_TRUNCATED or TSR_UNSUPPORTED the packet has changed nothing: go on with
 * tsr_video_decoder_lost(..., 1, ...). A packet that depends on a lost one gives the last picture again, marked as concealed; with `strict` it
 * is TSR_CORRUPT. */
TSR_API tsr_code tsr_video_decoder_send(tsr_video_decoder* decoder, const uint8_t* packet, size_t size, tsr_error* error);
/* So many packets never came: each gives the last picture again, marked. The next key packet gives true pictures anew. */
TSR_API tsr_code tsr_video_decoder_lost(tsr_video_decoder* decoder, uint64_t packets, tsr_error* error);
/* The stream ends here. */
TSR_API tsr_code tsr_video_decoder_flush(tsr_video_decoder* decoder, tsr_error* error);
/* The frame that is ready, or planes NULL and TSR_OK when none is. Valid until the next call with this decoder. */
TSR_API tsr_code tsr_video_decoder_receive(tsr_video_decoder* decoder, tsr_video_view* frame, tsr_error* error);
/* Starts anew at any key packet: packets before the next one are skipped, and frames before `first` (ticks) are decoded without being
 * given out. */
TSR_API tsr_code tsr_video_decoder_seek(tsr_video_decoder* decoder, uint64_t first, tsr_error* error);

/* ---- Streams of sound or video, taken apart --------------------------------------------------------------------------------------- */

/* Splits a stream of sound or video into its header and packets while it arrives, in bounded memory. Behind damage it goes on with the next packet
 * whose checksum is right. */
typedef struct tsr_reader tsr_reader;

enum {
  TSR_EVENT_NEED_BYTES = 0, /* tsr_reader_push() or tsr_reader_finish() first */
  TSR_EVENT_HEADER = 1,     /* data: the file header */
  TSR_EVENT_PACKET = 2,     /* data: a whole packet */
  TSR_EVENT_LOST = 3,       /* `lost` packets are missing here, none where it is a companion; the error says why */
  TSR_EVENT_END = 4,        /* nothing follows; the error tells of a stream that ends too early or cannot be read on */
  TSR_EVENT_COMPANION = 5   /* data: the next bytes of the sound that belongs to a video; only after tsr_reader_want_companions() */
};

typedef struct tsr_event {
  size_t struct_size;
  const uint8_t* data; /* valid until the next call with this reader */
  size_t size;
  uint64_t lost;
  int32_t kind; /* TSR_EVENT_... */
  uint32_t reserved;
} tsr_event;

TSR_API tsr_code tsr_reader_create(tsr_reader** reader, tsr_error* error);
TSR_API void tsr_reader_free(tsr_reader* reader);
/* wanted 1: a video's sound is given out as well, as TSR_EVENT_COMPANION; 0, as at first: it is passed over. Its bytes are a stream of their own:
 * push them into a second reader, whose header and packets go to a tsr_audio_decoder. Time 0 of that sound is tick 0 of the video. */
TSR_API tsr_code tsr_reader_want_companions(tsr_reader* reader, int32_t wanted, tsr_error* error);
TSR_API tsr_code tsr_reader_push(tsr_reader* reader, const uint8_t* bytes, size_t size, tsr_error* error);
/* No bytes follow; tsr_reader_push() is TSR_INVALID_ARGUMENT from now on. */
TSR_API tsr_code tsr_reader_finish(tsr_reader* reader, tsr_error* error);
/* The next event. With TSR_EVENT_LOST and TSR_EVENT_END the function returns, and describes in `error`, what damaged the stream; the event
 * is filled in all the same. TSR_OK with TSR_EVENT_END: the stream was whole. */
TSR_API tsr_code tsr_reader_next(tsr_reader* reader, tsr_event* event, tsr_error* error);

/* ---- What a stream says about itself, and which models there are --------------------------------------------------------------------- */

typedef struct tsr_info tsr_info;

/* Strings belong to the tsr_info. What does not apply to the medium is 0. */
typedef struct tsr_stream_info {
  size_t struct_size;
  const char* media; /* "image", "audio", "video" */
  const char* model;
  uint64_t model_hash;
  uint64_t packets;
  uint64_t file_bytes;
  uint64_t predicted_memory;          /* bytes for decoding on the CPU */
  uint64_t samples;                   /* of sound, for each channel */
  double bit_rate;                    /* of sound, bit/s of the whole file */
  double decode_kmac_per_pixel;       /* of an image; 0 when the model is not available */
  double decode_mmac_per_second;      /* of sound; 0 when the model is not available */
  uint32_t model_revision;
  uint32_t model_available;           /* 0 or 1 */
  uint32_t width, height;             /* pixels */
  uint32_t channels, bit_depth;
  uint32_t tiles, tile_size;
  uint32_t sample_rate;               /* Hz */
  uint32_t block_samples;             /* frames a packet */
  uint32_t has_checksum;              /* 0 or 1 */
  uint32_t stored_checksum;           /* of the decoded symbols */
  int32_t quality;
  tsr_colour colour;
  uint32_t version_major, version_minor; /* of the format */
} tsr_stream_info;

/* Reads header and packet structure. Needs no weights; with them the model's figures are there as well. weights_dir: NULL as above. */
TSR_API tsr_code tsr_inspect(const uint8_t* stream, size_t size, const char* weights_dir, tsr_info** info, tsr_error* error);
TSR_API void tsr_info_free(tsr_info* info);
TSR_API tsr_code tsr_info_get(const tsr_info* info, tsr_stream_info* out);
/* Number of parts ("header", "latents", ...), and one of them with its bytes. An index that is too large is TSR_INVALID_ARGUMENT. */
TSR_API size_t tsr_info_sections(const tsr_info* info);
TSR_API tsr_code tsr_info_get_section(const tsr_info* info, size_t index, const char** name, uint64_t* bytes);

typedef struct tsr_models tsr_models;

/* Strings belong to the tsr_models. */
typedef struct tsr_model_info {
  size_t struct_size;
  const char* name;
  const char* media; /* "image", "audio" or "video" */
  const char* file;
  const char* training; /* one line: data, steps, device minutes */
  uint64_t hash;
  uint64_t file_bytes;
  uint64_t parameters;
  double encode_kmac_per_pixel, decode_kmac_per_pixel;   /* of an image */
  double encode_mmac_per_second, decode_mmac_per_second; /* of sound */
  uint32_t revision;
  uint32_t reserved;
} tsr_model_info;

/* The installed models. An empty folder gives an empty list. Errors: TSR_MODEL_MISSING (weights that cannot be read). */
TSR_API tsr_code tsr_models_list(const char* weights_dir, tsr_models** models, tsr_error* error);
TSR_API void tsr_models_free(tsr_models* models);
TSR_API size_t tsr_models_count(const tsr_models* models);
TSR_API tsr_code tsr_models_get(const tsr_models* models, size_t index, tsr_model_info* out);

#ifdef __cplusplus
}
#endif

#endif /* TESSERA_CODEC_TESSERA_C_H */
