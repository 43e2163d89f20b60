// Graph matmul: the gradient of the weights that mix keypoints. For every frame a product too small for a library, added
// up over all frames. Built by compiler.py, called by graph_matmul.py.

#include "columns.h"

namespace {

#ifdef __AVX512BF16__

// Sums of products of ROWS × COLUMNS pairs of vectors stay in registers.
constexpr int64_t ROWS = 9, COLUMNS = 3, PAIRS = 32, FRAMES = 8;

inline __m512bh pairs(const bfloat16* from, int64_t count) {
    const __mmask32 there = count >= PAIRS ? ~0u : (1u << count) - 1;
    return (__m512bh)_mm512_maskz_loadu_epi16(there, from);
}

// Adds for row i and column j of a corner of the result the sums over frames and channels, in sixteen shares, to sums.
void add_corner(const bfloat16* x, const bfloat16* above, float* sums, int64_t frames, int64_t keypoints,
                int64_t mixed, int64_t channels, int64_t row, int64_t column) {
    int64_t rows[ROWS], columns[COLUMNS];  // beyond the last: the last again, which nobody reads
    for (int64_t i = 0; i < ROWS; ++i) rows[i] = std::min(row + i, keypoints - 1) * channels;
    for (int64_t j = 0; j < COLUMNS; ++j) columns[j] = std::min(column + j, mixed - 1) * channels;
    __m512 sum[ROWS][COLUMNS];
#pragma GCC unroll 9
    for (int64_t i = 0; i < ROWS; ++i)
#pragma GCC unroll 3
        for (int64_t j = 0; j < COLUMNS; ++j) sum[i][j] = _mm512_setzero_ps();
    for (int64_t frame = 0; frame < frames; ++frame, x += keypoints * channels, above += mixed * channels)
        for (int64_t c = 0; c < channels; c += PAIRS) {
            __m512bh arrived[COLUMNS];
#pragma GCC unroll 3
            for (int64_t j = 0; j < COLUMNS; ++j) arrived[j] = pairs(above + columns[j] + c, channels - c);
#pragma GCC unroll 9
            for (int64_t i = 0; i < ROWS; ++i) {
                const __m512bh value = pairs(x + rows[i] + c, channels - c);
#pragma GCC unroll 3
                for (int64_t j = 0; j < COLUMNS; ++j) sum[i][j] = _mm512_dpbf16_ps(sum[i][j], value, arrived[j]);
            }
        }
#pragma GCC unroll 9
    for (int64_t i = 0; i < ROWS; ++i)
#pragma GCC unroll 3
        for (int64_t j = 0; j < COLUMNS; ++j) {
            if (row + i >= keypoints || column + j >= mixed) continue;
            float* to = sums + ((row + i) * mixed + column + j) * LANES;
            store(load(to) + (floats)sum[i][j], to);
        }
}

int64_t tiles(int64_t length, int64_t size) { return (length + size - 1) / size; }

// One of `shares` of values that are needed soon: memory does not see by itself what comes next.
void prefetch(const bfloat16* values, int64_t count, int64_t share, int64_t shares) {
    const bfloat16* end = values + count * (share + 1) / shares;
    for (const bfloat16* from = values + count * share / shares; from < end; from += 32) __builtin_prefetch(from, 0, 2);
}

#endif

}  // namespace

// x (frames, keypoints, channels) and the gradient of what was mixed (frames, mixed, channels) → (keypoints, mixed), the
// sum over frames of x · aboveᵀ. 0 where the processor has no such products: then out is as it was.
extern "C" int graph_matmul_gradient_bfloat16(const void* x, const void* above, float* out, int64_t frames,
                                              int64_t keypoints, int64_t mixed, int64_t channels, int64_t threads) {
#ifdef __AVX512BF16__
    const int64_t results = keypoints * mixed;
    std::vector<std::vector<float>> sums(threads, std::vector<float>(results * LANES, 0.0f));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t thread = 0; thread < threads; ++thread) {
        const int64_t end = frames * (thread + 1) / threads;
        for (int64_t frame = frames * thread / threads; frame < end; frame += FRAMES) {
            const bfloat16* values = static_cast<const bfloat16*>(x) + frame * keypoints * channels;
            const bfloat16* gradients = static_cast<const bfloat16*>(above) + frame * mixed * channels;
            const int64_t count = std::min(FRAMES, end - frame);
            const int64_t next = std::min(FRAMES, end - frame - count), corners = tiles(keypoints, ROWS) * tiles(mixed, COLUMNS);
            int64_t corner = 0;
            for (int64_t row = 0; row < keypoints; row += ROWS)
                for (int64_t column = 0; column < mixed; column += COLUMNS, ++corner) {
                    prefetch(values + count * keypoints * channels, next * keypoints * channels, corner, corners);
                    prefetch(gradients + count * mixed * channels, next * mixed * channels, corner, corners);
                    add_corner(values, gradients, sums[thread].data(), count, keypoints, mixed, channels, row, column);
                }
        }
    }
    for (int64_t i = 0; i < results; ++i) {
        double all = 0.0;
        for (int64_t share = 0; share < threads * LANES; ++share)
            all += sums[share / LANES][i * LANES + share % LANES];
        out[i] = static_cast<float>(all);
    }
    return 1;
#else
    (void)x, (void)above, (void)out, (void)frames, (void)keypoints, (void)mixed, (void)channels, (void)threads;
    return 0;
#endif
}
