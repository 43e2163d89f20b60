// What the operations here share: vectors of sixteen values, and matrices whose columns lie in one tensor or in several.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

constexpr int64_t LANES = 16;
constexpr int64_t MOST = 16;  // parts of an operand

// vectors of the compiler: it makes of them what the processor has
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
#ifdef __AVX512BF16__
    *reinterpret_cast<halves*>(to) = (halves)_mm512_cvtneps_pbh((__m512)value);
#else
    const words bits = (words)value;
    const words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const words kept = value == value ? rounded : words{} + 0x7fc0;
    *reinterpret_cast<halves*>(to) = __builtin_convertvector(kept, halves);
#endif
}

inline void copy(const float* from, float* to) { store(load(from), to); }
inline void copy(const bfloat16* from, bfloat16* to) {
    *reinterpret_cast<halves*>(to) = *reinterpret_cast<const halves*>(from);
}

// Rows of a width that is no multiple of sixteen are joined until they are: a tile. A block is as many tiles as stay in
// the nearest cache whatever is done to them.
struct Tiling {
    static constexpr int64_t VALUES = 2048;  // of a block, about
    int64_t rows, channels, rows_a_tile, width, rows_a_block, blocks, blocks_a_sum;
    Tiling(int64_t rows, int64_t channels)
        : rows(rows), channels(channels), rows_a_tile(LANES / std::gcd(LANES, channels)),
          width(rows_a_tile * channels), rows_a_block(std::max<int64_t>(VALUES / width, 1) * rows_a_tile),
          blocks((rows + rows_a_block - 1) / rows_a_block),
          blocks_a_sum(std::max<int64_t>(64 * rows_a_tile / rows_a_block, 1)) {}
    int64_t values() const { return rows_a_block * channels; }  // of a block
    int64_t filled(int64_t count) const {                       // of `count` rows, up to the end of a tile
        return (count + rows_a_tile - 1) / rows_a_tile * width;
    }
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

}  // namespace

// (rows, channels): columns that lie side by side, each part contiguous (rows, its width). As compiler.py declares it.
extern "C" struct Parts {
    void** data;
    int64_t* widths;
    int64_t count;
};

namespace {

// What is read, block by block.
template <typename T>
class Source {
  public:
    Source(const T* data, const Tiling& tiling, const T* pad = nullptr)
        : data(data), tiling(tiling), pad(pad), copied(data ? tiling.values() : 0) {}

    // `count` rows and, behind a last tile that is not full, rows of `pad` or of zeros; nullptr if there is no operand
    const T* read(int64_t begin, int64_t count) {
        if (!data) return nullptr;
        const T* from = data + begin * tiling.channels;
        if (count % tiling.rows_a_tile == 0) return from;
        std::copy(from, from + count * tiling.channels, copied.begin());
        for (int64_t i = count * tiling.channels; i < tiling.filled(count); ++i)
            copied[i] = pad ? pad[i % tiling.channels] : T{};
        return copied.data();
    }

  private:
    const T* data;
    const Tiling& tiling;
    const T* pad;
    std::vector<T> copied;
};

// What is written, block by block: where it lies if it is of one part, else by way of a copy.
template <typename T>
class Target {
  public:
    Target(const Parts& parts, const Tiling& tiling)
        : parts(parts), tiling(tiling), copied(parts.count ? tiling.values() + LANES : 0) {}

    // where `count` rows are to be written; nullptr if there is no operand
    T* rows(int64_t begin, int64_t count) {
        if (!parts.count) return nullptr;
        return is_plain(count) ? static_cast<T*>(parts.data[0]) + begin * tiling.channels : copied.data();
    }

    // puts them where they belong; `end` is where rows begin that are another thread's
    void written(int64_t begin, int64_t count, int64_t end) {
        if (!parts.count || is_plain(count)) return;
        T* to[MOST];
        int64_t widths[MOST], narrowest = tiling.channels;
        const int64_t many = parts.count;
        for (int64_t part = 0; part < many; ++part) {
            to[part] = static_cast<T*>(parts.data[part]) + begin * parts.widths[part];
            widths[part] = parts.widths[part];
            narrowest = std::min(narrowest, widths[part]);
        }
        const T* from = copied.data();
        for (int64_t row = begin; row < begin + count; ++row) {
            const bool is_free = (end - row - 1) * narrowest >= LANES;
            for (int64_t part = 0; part < many; ++part) {
                if (is_free)  // sixteen at a time: what is written too far is what the next row writes
                    for (int64_t i = 0; i < widths[part]; i += LANES) copy(from + i, to[part] + i);
                else
                    std::memcpy(to[part], from, widths[part] * sizeof(T));
                from += widths[part], to[part] += widths[part];
            }
        }
    }

  private:
    Parts parts;
    const Tiling& tiling;
    std::vector<T> copied;
    bool is_plain(int64_t count) const { return parts.count == 1 && count % tiling.rows_a_tile == 0; }
};

// Calls work(thread, first row, number of rows, end of the thread's rows) for every block, ascending in each thread.
template <typename Work>
void for_blocks(const Tiling& tiling, int64_t threads, const Work& work) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t thread = 0; thread < threads; ++thread) {
        const int64_t until = tiling.blocks * (thread + 1) / threads;
        const int64_t end = std::min(until * tiling.rows_a_block, tiling.rows);
        for (int64_t block = tiling.blocks * thread / threads; block < until; ++block) {
            const int64_t begin = block * tiling.rows_a_block;
            work(thread, begin, std::min(tiling.rows_a_block, end - begin), end);
        }
    }
}

}  // namespace
