// Temporal max-pool over three frames, and its gradient. Built by compiler.py, called by temporal_max_pool.py.

#include "columns.h"

namespace {

constexpr float LOWEST = -std::numeric_limits<float>::infinity();

// Sixteen neighbouring values of one frame, or what is left of them.
template <typename T>
floats some(const T* from, int64_t count) {
    if (count >= LANES) return load(from);
    T few[LANES] = {};
    std::memcpy(few, from, count * sizeof(T));
    return load(few);
}

template <typename T>
void put(floats value, T* to, int64_t count) {
    if (count >= LANES) return store(value, to);
    T few[LANES];
    store(value, few);
    std::memcpy(to, few, count * sizeof(T));
}

// Every (frames, sixteen values) of every sample; values of a frame are contiguous.
template <typename Work>
void for_strips(int64_t samples, int64_t values, int64_t threads, const Work& work) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sample = 0; sample < samples; ++sample)
        for (int64_t at = 0; at < values; at += LANES) work(sample, at, std::min(LANES, values - at));
}

template <typename T>
void forward(const T* x, T* out, int64_t samples, int64_t frames, int64_t values, int64_t stride, int64_t threads) {
    const int64_t frames_out = (frames - 1) / stride + 1;
    for_strips(samples, values, threads, [&](int64_t sample, int64_t at, int64_t count) {
        const T* from = x + sample * frames * values + at;
        T* to = out + sample * frames_out * values + at;
        for (int64_t t = 0; t < frames_out; ++t) {
            floats highest = floats{} + LOWEST;
            for (int64_t f = std::max<int64_t>(t * stride - 1, 0); f <= std::min(t * stride + 1, frames - 1); ++f) {
                const floats value = some(from + f * values, count);
                highest = (value <= highest) | (highest != highest) ? highest : value;  // NaN stays NaN
            }
            put(highest, to + t * values, count);
        }
    });
}

// The first of equal ones gets it all, as in torch.
template <typename T>
void backward(const T* above, const T* x, T* below, int64_t samples, int64_t frames, int64_t values, int64_t stride,
              int64_t threads) {
    const int64_t frames_out = (frames - 1) / stride + 1;
    for_strips(samples, values, threads, [&](int64_t sample, int64_t at, int64_t count) {
        const T *from = x + sample * frames * values + at, *gradient = above + sample * frames_out * values + at;
        T* to = below + sample * frames * values + at;
        std::vector<float> arrived(frames * LANES, 0.0f);
        for (int64_t t = 0; t < frames_out; ++t) {
            const int64_t begin = std::max<int64_t>(t * stride - 1, 0), end = std::min(t * stride + 2, frames);
            floats highest = some(from + begin * values, count);
            words winner = words{} + static_cast<uint32_t>(begin);
            for (int64_t f = begin + 1; f < end; ++f) {
                const floats value = some(from + f * values, count);
                winner = value > highest ? words{} + static_cast<uint32_t>(f) : winner;
                highest = value > highest ? value : highest;
            }
            const floats all = some(gradient + t * values, count);
            for (int64_t f = begin; f < end; ++f) {
                const floats share = winner == static_cast<uint32_t>(f) ? all : floats{};
                store(load(&arrived[f * LANES]) + share, &arrived[f * LANES]);
            }
        }
        for (int64_t f = 0; f < frames; ++f) put(load(&arrived[f * LANES]), to + f * values, count);
    });
}

}  // namespace

#define EXPORTED(TYPE, NAME)                                                                                         \
    extern "C" void temporal_max_pool_forward_##NAME(const TYPE* x, TYPE* out, int64_t samples, int64_t frames,      \
                                                     int64_t values, int64_t stride, int64_t threads) {              \
        forward(x, out, samples, frames, values, stride, threads);                                                   \
    }                                                                                                                \
    extern "C" void temporal_max_pool_backward_##NAME(const TYPE* above, const TYPE* x, TYPE* below, int64_t samples,\
                                                      int64_t frames, int64_t values, int64_t stride,                \
                                                      int64_t threads) {                                             \
        backward(above, x, below, samples, frames, values, stride, threads);                                         \
    }

EXPORTED(float, float32)
EXPORTED(bfloat16, bfloat16)
