// Batch normalisation of the columns of a matrix, with the sum and the ReLU that follow it, in two passes over memory
// each way instead of two or three an operation. Built by compiler.py, called by batch_norm.py.

#include <cmath>

#include "columns.h"

namespace {

// Of every column: y = gain x + shift, not below floor. The last columns are let through as they are.
struct Affine {
    std::vector<float> gain, shift, floor;
    Affine(const Tiling& tiling, int64_t normed, const float* weight, const float* bias, const float* mean,
           const float* variance, double eps) {
        std::vector<float> gains(tiling.channels, 1.0f), shifts(tiling.channels, 0.0f);
        std::vector<float> floors(tiling.channels, -std::numeric_limits<float>::infinity());
        for (int64_t c = 0; c < normed; ++c) {
            const double by = weight[c] / std::sqrt(static_cast<double>(variance[c]) + eps);
            gains[c] = static_cast<float>(by);
            shifts[c] = static_cast<float>(bias[c] - mean[c] * by);
            floors[c] = 0.0f;
        }
        gain = tiling.spread(gains), shift = tiling.spread(shifts), floor = tiling.spread(floors);
    }
};

// Adds up two values a channel over all rows: work(block, i, at, first, second) adds those of the sixteen values `at` of a
// block, which belong to the columns `i` of a tile. Some blocks are summed in 32 bits, what they make in 64, and shares
// of threads in their order, so that a result depends on the number of threads only.
template <typename Prepare, typename Work>
void summed(const Tiling& tiling, int64_t threads, std::vector<double>& first, std::vector<double>& second,
            const Prepare& prepare, const Work& work) {
    std::vector<std::vector<double>> sums(threads, std::vector<double>(2 * tiling.width, 0.0));
    std::vector<std::vector<float>> few(threads, std::vector<float>(2 * tiling.width, 0.0f));
    for_blocks(tiling, threads, [&](int64_t thread, int64_t begin, int64_t count, int64_t end) {
        const auto block = prepare(thread, begin, count);
        const int64_t values = tiling.filled(count);
        float *firsts = few[thread].data(), *seconds = firsts + tiling.width;
        for (int64_t at = 0; at < values; at += tiling.width)
            for (int64_t i = 0; i < tiling.width; i += LANES) {
                floats one = load(firsts + i), two = load(seconds + i);
                work(block, i, at + i, one, two);
                store(one, firsts + i);
                store(two, seconds + i);
            }
        if (begin + count < end && begin / tiling.rows_a_block % tiling.blocks_a_sum) return;
        for (int64_t i = 0; i < 2 * tiling.width; ++i) sums[thread][i] += few[thread][i], few[thread][i] = 0.0f;
    });
    for (int64_t thread = 1; thread < threads; ++thread)
        for (int64_t i = 0; i < 2 * tiling.width; ++i) sums[0][i] += sums[thread][i];
    first = tiling.folded({sums[0].begin(), sums[0].begin() + tiling.width});
    second = tiling.folded({sums[0].begin() + tiling.width, sums[0].end()});
}

template <typename T, bool RELU>
void forward(const T* x, const T* skip, const Parts* out, const float* weight, const float* bias, float* mean,
             float* variance, int64_t rows, int64_t channels, int64_t normed, double eps, int64_t threads) {
    const Tiling tiling(rows, channels);
    std::vector<T> row(x, x + channels);
    row.resize(channels + LANES);
    std::vector<float> origins(channels + LANES);  // squares are of what differs from the first row: less is cancelled
    for (int64_t c = 0; c < channels; c += LANES) store(load(&row[c]), &origins[c]);
    std::vector<Source<T>> from(threads, {x, tiling, x}), more(threads, {skip, tiling});
    std::vector<Target<T>> to(threads, {*out, tiling});

    const std::vector<float> origin = tiling.spread(origins);
    std::vector<double> sum, squares;
    summed(
        tiling, threads, sum, squares,
        [&](int64_t thread, int64_t begin, int64_t count) { return from[thread].read(begin, count); },
        [&](const T* values, int64_t i, int64_t at, floats& sums, floats& sums_of_squares) {
            const floats value = load(values + at) - load(&origin[i]);
            sums += value;
            sums_of_squares += value * value;
        });
    for (int64_t c = 0; c < normed; ++c) {
        const double off = sum[c] / rows;
        mean[c] = static_cast<float>(origins[c] + off);
        variance[c] = static_cast<float>(std::max(squares[c] / rows - off * off, 0.0));
    }
    const Affine affine(tiling, normed, weight, bias, mean, variance, eps);
    for_blocks(tiling, threads, [&](int64_t thread, int64_t begin, int64_t count, int64_t end) {
        const T *values = from[thread].read(begin, count), *added = more[thread].read(begin, count);
        T* result = to[thread].rows(begin, count);
        const int64_t filled = tiling.filled(count);
        for (int64_t tile = 0; tile < filled; tile += tiling.width)
            for (int64_t i = 0; i < tiling.width; i += LANES) {
                floats value = load(values + tile + i) * load(&affine.gain[i]) + load(&affine.shift[i]);
                if (added) value += load(added + tile + i);
                if (RELU) value = value < load(&affine.floor[i]) ? load(&affine.floor[i]) : value;
                store(value, result + tile + i);
            }
        to[thread].written(begin, count, end);
    });
}

template <typename T, bool RELU>
struct Block {
    const T *gradients, *values, *results;
    floats passed(floats value, int64_t at, const Affine& affine, int64_t i) const {  // by the ReLU
        const floats arrived = load(gradients + at);
        if (!RELU) return arrived;
        const floats result = results ? load(results + at) : value * load(&affine.gain[i]) + load(&affine.shift[i]);
        return result > load(&affine.floor[i]) ? arrived : floats{};
    }
};

// `out` is there where something was added before the ReLU; where nothing was, x says what was let through.
template <typename T, bool RELU>
void backward(const T* above, const T* x, const T* out, const Parts* below, const Parts* below_skip,
              const float* weight, const float* bias, const float* mean, const float* variance, float* of_weight,
              float* of_bias, int64_t rows, int64_t channels, int64_t normed, double eps, int64_t threads) {
    const Tiling tiling(rows, channels);
    std::vector<Source<T>> gradient(threads, {above, tiling}), from(threads, {x, tiling}), made(threads, {out, tiling});
    std::vector<Target<T>> to(threads, {*below, tiling}), to_skip(threads, {*below_skip, tiling});
    const Affine affine(tiling, normed, weight, bias, mean, variance, eps);

    const auto read = [&](int64_t thread, int64_t begin, int64_t count) {
        return Block<T, RELU>{gradient[thread].read(begin, count), from[thread].read(begin, count),
                        made[thread].read(begin, count)};
    };
    std::vector<float> means(channels, 0.0f);
    std::copy(mean, mean + normed, means.begin());
    const std::vector<float> middle = tiling.spread(means);
    std::vector<double> sum, products;
    summed(tiling, threads, sum, products, read,
           [&](const Block<T, RELU>& block, int64_t i, int64_t at, floats& sums, floats& of_products) {
               const floats value = load(block.values + at), kept = block.passed(value, at, affine, i);
               sums += kept;
               of_products += kept * (value - load(&middle[i]));
           });
    std::vector<float> slopes(channels, 0.0f), shifts(channels, 0.0f);
    for (int64_t c = 0; c < normed; ++c) {
        const double rate = 1.0 / std::sqrt(static_cast<double>(variance[c]) + eps), gain = weight[c] * rate;
        const double by = -gain * rate * rate * products[c] / rows;
        of_bias[c] = static_cast<float>(sum[c]);
        of_weight[c] = static_cast<float>(products[c] * rate);
        slopes[c] = static_cast<float>(by);
        shifts[c] = static_cast<float>(-gain * sum[c] / rows - mean[c] * by);
    }
    const std::vector<float> slope = tiling.spread(slopes), shift = tiling.spread(shifts);
    for_blocks(tiling, threads, [&](int64_t thread, int64_t begin, int64_t count, int64_t end) {
        const Block<T, RELU> block = read(thread, begin, count);
        T *result = to[thread].rows(begin, count), *of_skip = to_skip[thread].rows(begin, count);
        const int64_t filled = tiling.filled(count);
        for (int64_t tile = 0; tile < filled; tile += tiling.width)
            for (int64_t i = 0; i < tiling.width; i += LANES) {
                const int64_t at = tile + i;
                const floats value = load(block.values + at), kept = block.passed(value, at, affine, i);
                store(kept * load(&affine.gain[i]) + value * load(&slope[i]) + load(&shift[i]), result + at);
                if (of_skip) store(kept, of_skip + at);
            }
        to[thread].written(begin, count, end);
        to_skip[thread].written(begin, count, end);
    });
}

}  // namespace

#define EXPORTED(T, NAME)                                                                                            \
    extern "C" void batch_norm_forward_##NAME(                                                                       \
        const T* x, const T* skip, const Parts* out, const float* weight, const float* bias, float* mean,            \
        float* variance, int64_t rows, int64_t channels, int64_t normed, int relu, double eps, int64_t threads) {    \
        (relu ? forward<T, true> : forward<T, false>)(x, skip, out, weight, bias, mean, variance, rows, channels,    \
                                                      normed, eps, threads);                                         \
    }                                                                                                                \
    extern "C" void batch_norm_backward_##NAME(                                                                      \
        const T* above, const T* x, const T* out, const Parts* below, const Parts* below_skip, const float* weight,  \
        const float* bias, const float* mean, const float* variance, float* of_weight, float* of_bias, int64_t rows, \
        int64_t channels, int64_t normed, int relu, double eps, int64_t threads) {                                   \
        (relu ? backward<T, true> : backward<T, false>)(above, x, out, below, below_skip, weight, bias, mean,        \
                                                        variance, of_weight, of_bias, rows, channels, normed, eps,   \
                                                        threads);                                                    \
    }

EXPORTED(float, float32)
EXPORTED(bfloat16, bfloat16)
