// Batch normalisation of the last axis of (rows, channels), with the sum and the ReLU that follow it, in two passes over
// memory each way instead of two or three an operation. Built by library.py, called by norm.py.
//
// Sixteen values are worked on at a time, in vectors of the compiler: it makes of them what the processor has. Rows of a
// width that is no multiple of sixteen are joined until they are; what is left over at the end goes through a buffer.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace {

constexpr int64_t LANES = 16;
constexpr int64_t BLOCK = 64;  // tiles that are summed in 32 bits before they are added to 64

typedef float floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t words __attribute__((vector_size(4 * LANES), aligned(4)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

struct bfloat16 {
    uint16_t bits;
};

inline floats load(const float* from) { return *reinterpret_cast<const floats*>(from); }

inline floats load(const bfloat16* from) {
    const words wide = __builtin_convertvector(*reinterpret_cast<const halves*>(from), words) << 16;
    return (floats)wide;
}

inline void store(floats value, float* to) { *reinterpret_cast<floats*>(to) = value; }

inline void store(floats value, bfloat16* to) {  // to the nearest, ties to even; NaN stays NaN
    const words bits = (words)value;
    const words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const words kept = value == value ? rounded : words{} + 0x7fc0;
    *reinterpret_cast<halves*>(to) = __builtin_convertvector(kept, halves);
}

// A whole number of rows that is a whole number of vectors.
struct Tiling {
    int64_t rows, channels, rows_a_tile, width, tiles;
    Tiling(int64_t rows, int64_t channels)
        : rows(rows), channels(channels), rows_a_tile(LANES / std::gcd(LANES, channels)),
          width(rows_a_tile * channels), tiles((rows + rows_a_tile - 1) / rows_a_tile) {}
    std::vector<float> spread(const std::vector<float>& of_channels) const {
        std::vector<float> tile(width);
        for (int64_t i = 0; i < width; ++i) tile[i] = of_channels[i % channels];
        return tile;
    }
    std::vector<double> folded(const std::vector<double>& of_tile) const {
        std::vector<double> sums(channels, 0.0);
        for (int64_t i = 0; i < width; ++i) sums[i % channels] += of_tile[i];
        return sums;
    }
};

// One operand, tile by tile: in place but for a last tile that is not full, which is padded with `pad`.
template <typename T>
struct Operand {
    T* data;
    std::vector<T> last;
    const Tiling& tiling;
    Operand(T* data, const Tiling& tiling, const T* pad = nullptr) : data(data), tiling(tiling) {
        const int64_t left = rest();
        if (!data || !left) return;
        last.assign(tiling.width, T{});
        std::copy(data + begin(), data + begin() + left, last.begin());
        for (int64_t i = left; pad && i < tiling.width; ++i) last[i] = pad[i % tiling.channels];
    }
    int64_t rest() const { return tiling.rows % tiling.rows_a_tile * tiling.channels; }
    int64_t begin() const { return (tiling.tiles - 1) * tiling.width; }
    T* tile(int64_t number) {
        if (!data) return nullptr;
        return number == tiling.tiles - 1 && !last.empty() ? last.data() : data + number * tiling.width;
    }
    void write_back() {
        if (data && !last.empty()) std::copy(last.begin(), last.begin() + rest(), data + begin());
    }
};

// Adds up two values a channel over all rows. `work(tile, first, second)` adds those of one tile. Shares of threads are
// added in their order, so that a result depends on the number of threads only.
template <typename Work>
void summed(const Tiling& tiling, int64_t threads, std::vector<double>& first, std::vector<double>& second,
            const Work& work) {
    std::vector<std::vector<double>> sums(threads, std::vector<double>(2 * tiling.width, 0.0));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t part = 0; part < threads; ++part) {
        std::vector<float> block(2 * tiling.width);
        const int64_t end = tiling.tiles * (part + 1) / threads;
        for (int64_t tile = tiling.tiles * part / threads; tile < end;) {
            std::fill(block.begin(), block.end(), 0.0f);
            for (const int64_t until = std::min(tile + BLOCK, end); tile < until; ++tile)
                work(tile, block.data(), block.data() + tiling.width);
            for (int64_t i = 0; i < 2 * tiling.width; ++i) sums[part][i] += block[i];
        }
    }
    for (int64_t part = 1; part < threads; ++part)
        for (int64_t i = 0; i < 2 * tiling.width; ++i) sums[0][i] += sums[part][i];
    first = tiling.folded({sums[0].begin(), sums[0].begin() + tiling.width});
    second = tiling.folded({sums[0].begin() + tiling.width, sums[0].end()});
}

template <typename T, bool RELU>
void forward(const T* x, const T* skip, T* out, const float* weight, const float* bias, float* mean, float* variance,
             int64_t rows, int64_t channels, double eps, int64_t threads) {
    const Tiling tiling(rows, channels);
    Operand<T> from(const_cast<T*>(x), tiling, x), more(const_cast<T*>(skip), tiling), to(out, tiling);
    std::vector<float> first_row(channels);  // squares are of what differs from the first row: less is cancelled
    for (int64_t c = 0; c < channels; ++c) {
        T padded[LANES] = {x[c]};
        first_row[c] = load(padded)[0];
    }
    const std::vector<float> origin = tiling.spread(first_row);
    std::vector<double> sum, squares;
    summed(tiling, threads, sum, squares, [&](int64_t tile, float* sums, float* sums_of_squares) {
        const T* values = from.tile(tile);
        for (int64_t i = 0; i < tiling.width; i += LANES) {
            const floats value = load(values + i) - load(&origin[i]);
            store(load(sums + i) + value, sums + i);
            store(load(sums_of_squares + i) + value * value, sums_of_squares + i);
        }
    });
    std::vector<float> gains(channels), shifts(channels);
    for (int64_t c = 0; c < channels; ++c) {
        const double off = sum[c] / rows, spread = std::max(squares[c] / rows - off * off, 0.0);
        mean[c] = static_cast<float>(first_row[c] + off);
        variance[c] = static_cast<float>(spread);
        gains[c] = static_cast<float>(weight[c] / std::sqrt(spread + eps));
        shifts[c] = static_cast<float>(bias[c] - (first_row[c] + off) * gains[c]);
    }
    const std::vector<float> gain = tiling.spread(gains), shift = tiling.spread(shifts);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t tile = 0; tile < tiling.tiles; ++tile) {
        const T* values = from.tile(tile);
        const T* added = more.tile(tile);
        T* result = to.tile(tile);
        for (int64_t i = 0; i < tiling.width; i += LANES) {
            floats value = load(values + i) * load(&gain[i]) + load(&shift[i]);
            if (added) value += load(added + i);
            if (RELU) value = value < 0.0f ? floats{} : value;
            store(value, result + i);
        }
    }
    to.write_back();
}

template <typename T, bool RELU>
void backward(const T* above, const T* x, const T* out, T* below, T* below_skip, const float* weight,
              const float* mean, const float* variance, float* of_weight, float* of_bias, int64_t rows,
              int64_t channels, double eps, int64_t threads) {
    const Tiling tiling(rows, channels);
    Operand<T> gradient(const_cast<T*>(above), tiling), from(const_cast<T*>(x), tiling), to(below, tiling);
    Operand<T> made(const_cast<T*>(out), tiling), to_skip(below_skip, tiling);
    const auto passed = [](const T* values, const T* results) {  // where the ReLU let it through
        const floats value = load(values);
        return RELU ? (load(results) > 0.0f ? value : floats{}) : value;
    };
    const std::vector<float> middle = tiling.spread({mean, mean + channels});
    std::vector<double> sum, products;
    summed(tiling, threads, sum, products, [&](int64_t tile, float* sums, float* sums_of_products) {
        const T *values = from.tile(tile), *gradients = gradient.tile(tile), *results = made.tile(tile);
        for (int64_t i = 0; i < tiling.width; i += LANES) {
            const floats value = passed(gradients + i, results + i);
            store(load(sums + i) + value, sums + i);
            store(load(sums_of_products + i) + value * (load(values + i) - load(&middle[i])), sums_of_products + i);
        }
    });
    std::vector<float> gains(channels), slopes(channels), shifts(channels);
    for (int64_t c = 0; c < channels; ++c) {
        const double rate = 1.0 / std::sqrt(static_cast<double>(variance[c]) + eps), gain = weight[c] * rate;
        const double slope = -gain * rate * rate * products[c] / rows;
        of_bias[c] = static_cast<float>(sum[c]);
        of_weight[c] = static_cast<float>(products[c] * rate);
        gains[c] = static_cast<float>(gain);
        slopes[c] = static_cast<float>(slope);
        shifts[c] = static_cast<float>(-gain * sum[c] / rows - mean[c] * slope);
    }
    const std::vector<float> gain = tiling.spread(gains), slope = tiling.spread(slopes), shift = tiling.spread(shifts);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t tile = 0; tile < tiling.tiles; ++tile) {
        const T *values = from.tile(tile), *gradients = gradient.tile(tile), *results = made.tile(tile);
        T *result = to.tile(tile), *of_skip = to_skip.tile(tile);
        for (int64_t i = 0; i < tiling.width; i += LANES) {
            const floats value = passed(gradients + i, results + i);
            store(value * load(&gain[i]) + load(values + i) * load(&slope[i]) + load(&shift[i]), result + i);
            if (of_skip) store(value, of_skip + i);
        }
    }
    to.write_back();
    to_skip.write_back();
}

}  // namespace

#define EXPORTED(TYPE, NAME)                                                                                          \
    extern "C" void forward_##NAME(const TYPE* x, const TYPE* skip, TYPE* out, const float* weight,                   \
                                   const float* bias, float* mean, float* variance, int64_t rows, int64_t channels,   \
                                   int relu, double eps, int64_t threads) {                                           \
        (relu ? forward<TYPE, true> : forward<TYPE, false>)(x, skip, out, weight, bias, mean, variance, rows,         \
                                                            channels, eps, threads);                                  \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const TYPE* above, const TYPE* x, const TYPE* out, TYPE* below, TYPE* below_skip, \
                                    const float* weight, const float* mean, const float* variance, float* of_weight,  \
                                    float* of_bias, int64_t rows, int64_t channels, int relu, double eps,             \
                                    int64_t threads) {                                                                \
        (relu ? backward<TYPE, true> : backward<TYPE, false>)(above, x, out, below, below_skip, weight, mean,         \
                                                              variance, of_weight, of_bias, rows, channels, eps,      \
                                                              threads);                                               \
    }

EXPORTED(float, float32)
EXPORTED(bfloat16, bfloat16)
