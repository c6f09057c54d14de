#include "codec/ranks.hpp"

#include <algorithm>
#include <vector>

namespace whet {

namespace {

// n over r for all r up to n, exact as long as it is below 2^53.
void binomials(std::int64_t n, std::vector<double> &row) {
    row.assign(1, 1.0);
    for (std::int64_t i = 1; i <= n; ++i) {
        row.push_back(1.0);
        for (std::int64_t r = i - 1; r > 0; --r)
            row[r] += row[r - 1];
    }
}

// counts[u] = arrangements with 2U == u, for one problem.
class Counter {
  public:
    std::span<const double> count(std::span<const std::int64_t> ties, std::int64_t first) {
        std::int64_t all = 0;
        for (std::int64_t t : ties)
            all += t;
        size_ = 2 * first * (all - first) + 1;
        table_.assign(static_cast<std::size_t>((first + 1) * size_), 0.0);
        table_[0] = 1.0;
        std::int64_t seen = 0;
        for (std::int64_t t : ties) {
            add_rank(t, seen, first);
            seen += t;
        }
        return {row(first), static_cast<std::size_t>(size_)};
    }

  private:
    double *row(std::int64_t chosen) { return table_.data() + chosen * size_; }

    // Rows are taken from the top down, so that those that are read still lack this rank.
    void add_rank(std::int64_t t, std::int64_t seen, std::int64_t first) {
        binomials(t, choose_);
        for (std::int64_t j = std::min(first, seen + t); j >= 0; --j) {
            for (std::int64_t r = 1; r <= std::min(t, j); ++r) {
                const std::int64_t before = j - r, other = seen - before;
                const std::int64_t shift = r * (2 * other + t - r);
                if (other < 0 || shift >= size_)
                    continue;
                // So far 2U is at most this: nothing above it was counted.
                const std::int64_t reach = std::min(size_ - shift, 2 * before * other + 1);
                const double weight = choose_[static_cast<std::size_t>(r)];
                const double *from = row(before);
                double *to = row(j) + shift;
                for (std::int64_t u = 0; u < reach; ++u)
                    to[u] += weight * from[u];
            }
        }
    }

    std::int64_t size_ = 0;
    std::vector<double> table_;
    std::vector<double> choose_;
};

double sum(std::span<const double> values) {
    double total = 0.0;
    for (double value : values)
        total += value;
    return total;
}

} // namespace

void rank_tails(std::span<const std::int64_t> start, std::span<const std::int64_t> ties, std::int64_t first,
                std::span<const std::int64_t> two_u, std::span<double> lower, std::span<double> tail) {
    Counter counter;
    for (std::size_t i = 0; i < two_u.size(); ++i) {
        const auto ranks = ties.subspan(static_cast<std::size_t>(start[i]),
                                        static_cast<std::size_t>(start[i + 1] - start[i]));
        const std::span<const double> counts = counter.count(ranks, first);
        const auto seen = static_cast<std::size_t>(two_u[i]);
        lower[i] = sum(counts.first(std::min(seen, counts.size() - 1 - seen) + 1));
        tail[i] = std::min(sum(counts.first(seen + 1)), sum(counts.subspan(seen)));
    }
}

} // namespace whet
