// See trees.hpp. Level by level; the samples of a node are neighbours in a list, in their own order.
#include "codec/trees.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace whet {
namespace {

constexpr std::int32_t kRoot = -1, kRest = -2;

// The samples [begin, end) of a list that go on below a node.
struct Group {
    std::int32_t node;
    std::size_t begin, end;
};

std::int32_t largest_frame(const Walks &walks) {
    std::int32_t largest = -1;
    for (std::int32_t frame : walks.frames)
        largest = std::max(largest, frame);
    return largest;
}

class Grower {
  public:
    Grower(const Walks &walks, const Cut &cut)
        : walks_(walks), cut_(cut), on_path_(cut.path.empty() ? -1 : 0),
          fine_cutoff_(cut.cutoff.begin(), cut.cutoff.end()) {
        const std::int32_t largest = largest_frame(walks);
        const auto frames = static_cast<std::size_t>(largest + 1);
        mass_.resize(frames * walks.types);
        count_.resize(frames);
        child_.resize(frames);
        first_.resize(frames);
        tree_.node_of_sample.resize(walks.size());
        std::fill_n(tree_.node_of_sample.data(), walks.size(), 0);
        add_node(-1, kRoot, 0, -1, false);
    }

    GrownTree grown() {
        std::vector<std::int32_t> active;
        for (std::size_t s = 0; s < walks_.size(); ++s)
            if (walks_.length[s] > 0)
                active.push_back(static_cast<std::int32_t>(s));
        std::vector<Group> groups{{0, 0, active.size()}};
        for (std::int64_t depth = 0; !active.empty(); ++depth) {
            next_.clear();
            next_groups_.clear();
            for (const Group &group : groups)
                descend(group, active, depth);
            on_path_ = next_on_path_;
            next_on_path_ = -1;
            if (cut_.max_nodes && tree_.parent.size() > cut_.max_nodes) {
                tree_.too_large = true;
                break;
            }
            active.swap(next_);
            groups.swap(next_groups_);
        }
        return std::move(tree_);
    }

  private:
    std::size_t frame_at(std::int32_t sample, std::int64_t depth) const {
        const auto s = static_cast<std::size_t>(sample);
        return static_cast<std::size_t>(
            walks_.frames[static_cast<std::size_t>(walks_.first[s] + walks_.step * depth)]);
    }

    std::int32_t add_node(std::int32_t parent, std::int32_t frame, std::int32_t folded, std::int32_t sample,
                          bool fine) {
        const auto node = static_cast<std::int32_t>(tree_.parent.size());
        tree_.parent.push_back(parent);
        tree_.frame.push_back(frame);
        tree_.folded.push_back(folded);
        tree_.sample.push_back(sample);
        fine_.push_back(fine);
        return node;
    }

    void descend(const Group &group, const std::vector<std::int32_t> &active, std::int64_t depth) {
        add_up(group, active, depth);
        std::sort(touched_.begin(), touched_.end());
        add_children(group.node, depth);
        follow(group, active, depth);
        for (std::int32_t frame : touched_)
            forget(static_cast<std::size_t>(frame));
        touched_.clear();
    }

    void add_up(const Group &group, const std::vector<std::int32_t> &active, std::int64_t depth) {
        const std::size_t types = walks_.types;
        frame_of_.resize(group.end - group.begin);
        for (std::size_t i = group.begin; i < group.end; ++i) {
            const std::size_t frame = frame_at(active[i], depth);
            frame_of_[i - group.begin] = static_cast<std::int32_t>(frame);
            if (count_[frame]++ == 0) {
                touched_.push_back(static_cast<std::int32_t>(frame));
                first_[frame] = active[i];
            }
            for (std::size_t t = 0; t < types; ++t)
                mass_[frame * types + t] += walks_.mass[static_cast<std::size_t>(active[i]) * types + t];
        }
    }

    bool reaches(std::size_t frame, std::span<const double> cutoff) const {
        for (std::size_t t = 0; t < walks_.types; ++t)
            if (mass_[frame * walks_.types + t] >= cutoff[t])
                return true;
        return false;
    }

    void add_children(std::int32_t node, std::int64_t depth) {
        const bool fine = fine_[static_cast<std::size_t>(node)];
        const auto step = static_cast<std::size_t>(depth);
        const bool follows = node == on_path_ && step < cut_.path.size();
        std::int32_t rest_count = 0, rest_sample = -1;
        for (std::int32_t frame : touched_) {
            const auto f = static_cast<std::size_t>(frame);
            const bool is_step = follows && frame == cut_.path[step];
            if (!is_step && !reaches(f, cut_.cutoff) && !(fine && reaches(f, fine_cutoff_))) {
                child_[f] = kRest;
                if (rest_count++ == 0)
                    rest_sample = first_[f];
                continue;
            }
            child_[f] = add_node(node, frame, 0, first_[f], fine);
            if (is_step)
                step_into(child_[f], f, step + 1 == cut_.path.size());
        }
        if (!rest_count)
            return;
        const std::int32_t rest = add_node(node, kRest, rest_count, rest_sample, fine);
        for (std::int32_t frame : touched_)
            if (child_[static_cast<std::size_t>(frame)] == kRest)
                child_[static_cast<std::size_t>(frame)] = rest;
    }

    void step_into(std::int32_t node, std::size_t frame, bool last) {
        next_on_path_ = node;
        if (!last)
            return;
        tree_.branch = node;
        fine_[static_cast<std::size_t>(node)] = true;
        for (std::size_t t = 0; t < walks_.types; ++t)
            fine_cutoff_[t] = std::max(mass_[frame * walks_.types + t] * cut_.share, 1.0);
    }

    // Put the samples that go on below kept children behind each other, child by child.
    void follow(const Group &group, const std::vector<std::int32_t> &active, std::int64_t depth) {
        for (std::int32_t frame : touched_) {
            const auto f = static_cast<std::size_t>(frame);
            const bool kept = tree_.frame[static_cast<std::size_t>(child_[f])] >= 0;
            const auto size = static_cast<std::size_t>(kept ? count_[f] : 0);
            if (kept)
                next_groups_.push_back({child_[f], next_.size(), next_.size()});
            place_.push_back(kept ? next_groups_.size() - 1 : SIZE_MAX);
            count_[f] = static_cast<std::int64_t>(place_.size() - 1);
            next_.resize(next_.size() + size);
        }
        for (std::size_t i = group.begin; i < group.end; ++i) {
            const std::int32_t sample = active[i];
            const auto frame = static_cast<std::size_t>(frame_of_[i - group.begin]);
            const auto s = static_cast<std::size_t>(sample);
            tree_.node_of_sample[s] = child_[frame];
            const std::size_t place = place_[static_cast<std::size_t>(count_[frame])];
            if (place != SIZE_MAX && walks_.length[s] > depth + 1)
                next_[next_groups_[place].end++] = sample;
        }
        place_.clear();
    }

    void forget(std::size_t frame) {
        count_[frame] = 0;
        std::fill_n(mass_.begin() + static_cast<std::ptrdiff_t>(frame * walks_.types), walks_.types, 0.0);
    }

    const Walks &walks_;
    const Cut &cut_;
    GrownTree tree_;
    std::vector<bool> fine_; // whether a node is in the branch
    std::int32_t on_path_, next_on_path_ = -1;
    std::vector<double> fine_cutoff_;
    // Of the node at hand, by frame.
    std::vector<double> mass_;
    std::vector<std::int64_t> count_; // samples; then the frame's place in `place_`
    std::vector<std::int32_t> child_, first_, touched_;
    std::vector<std::int32_t> frame_of_; // of its samples, in order: reading them again misses caches
    std::vector<std::size_t> place_;     // the group a kept frame's samples go to
    // Of the next level.
    std::vector<std::int32_t> next_;
    std::vector<Group> next_groups_;
};

} // namespace

const char *check(const Walks &w) {
    const auto size = static_cast<std::int64_t>(w.frames.size());
    if (w.length.size() != w.first.size() || w.mass.size() != w.first.size() * w.types)
        return "columns of samples differ in length";
    if (w.step != 1 && w.step != -1)
        return "step is neither 1 nor -1";
    for (std::size_t s = 0; s < w.size(); ++s) {
        if (w.length[s] <= 0)
            continue;
        const std::int64_t first = w.first[s];
        if (first < 0 || first >= size || w.length[s] > (w.step > 0 ? size - first : first + 1))
            return "a path leaves the frames";
    }
    std::int32_t smallest = 0;
    for (std::int32_t frame : w.frames)
        smallest = std::min(smallest, frame);
    if (smallest < 0)
        return "a frame is negative";
    return nullptr;
}

GrownTree grow_tree(const Walks &walks, const Cut &cut) { return Grower(walks, cut).grown(); }

Column<std::int64_t> count_flags(std::span<const std::int64_t> start, std::span<const std::uint8_t> flags) {
    Column<std::int64_t> counts;
    counts.reserve(start.size());
    for (std::size_t row = 0; row + 1 < start.size(); ++row) {
        std::int64_t count = 0;
        for (auto i = start[row]; i < start[row + 1]; ++i)
            count += flags[static_cast<std::size_t>(i)] != 0;
        counts.push_back(count);
    }
    return counts;
}

FlagEnds flag_ends(std::span<const std::int64_t> start, std::span<const std::uint8_t> flags) {
    FlagEnds ends;
    ends.first.reserve(start.size());
    ends.last.reserve(start.size());
    for (std::size_t row = 0; row + 1 < start.size(); ++row) {
        std::int64_t first = start[row], last = start[row + 1] - 1;
        while (first <= last && !flags[static_cast<std::size_t>(first)])
            ++first;
        while (last > first && !flags[static_cast<std::size_t>(last)])
            --last;
        ends.first.push_back(first <= last ? first : -1);
        ends.last.push_back(first <= last ? last : -1);
    }
    return ends;
}

} // namespace whet
