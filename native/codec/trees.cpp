// See trees.hpp. Level by level; the samples of a node are neighbours in a list, in their own order.
#include "codec/trees.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace whet {
namespace {

constexpr std::int32_t kRoot = -1, kRest = -2;

// A sample on its way down: kept together, because reading a column for each part misses caches.
struct Walker {
    double mass; // in the first type
    std::int64_t place;
    std::int64_t left; // frames from `place` on
    std::int32_t sample;
    std::int32_t frame; // the one at `place`
};

// The walkers [begin, end) of a list that go on below a node.
struct Group {
    std::int32_t node;
    std::size_t begin, end;
};

// What the walkers of the node at hand do with a frame.
struct Tally {
    std::int64_t count = 0;
    std::int32_t first = 0; // the first sample
    std::int32_t child = 0;
    std::size_t group = 0; // where walkers go on, kStop for nowhere
};
constexpr std::size_t kStop = SIZE_MAX;

constexpr std::size_t kAhead = 12; // walkers between asking for a frame and needing it

class Grower {
  public:
    Grower(const Walks &walks, const Cut &cut)
        : walks_(walks), cut_(cut), on_path_(cut.path.empty() ? -1 : 0),
          fine_cutoff_(cut.cutoff.begin(), cut.cutoff.end()) {
        mass_.resize(walks.frame_count * walks.types);
        tally_.resize(walks.frame_count);
        tree_.node_of_sample.resize(walks.size());
        add_node(-1, kRoot, 0, -1, false);
    }

    GrownTree grown() {
        Column<Walker> active = starting();
        next_.reserve_whole(active.size());
        std::vector<Group> groups{{0, 0, active.size()}};
        for (std::int64_t depth = 0; !active.empty() && !tree_.bad_frame; ++depth) {
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
    Column<Walker> starting() {
        Column<Walker> walkers;
        walkers.reserve_whole(walks_.size());
        for (std::size_t s = 0; s < walks_.size(); ++s)
            if (walks_.length[s] > 0)
                walkers.push_back({walks_.mass[s * walks_.types], walks_.first[s], walks_.length[s],
                                   static_cast<std::int32_t>(s), frame_at(walks_.first[s])});
        return walkers;
    }

    // Frames are checked when they are met: most of them never are.
    std::int32_t frame_at(std::int64_t place) {
        const std::int32_t frame = walks_.frames[static_cast<std::size_t>(place)];
        if (static_cast<std::uint32_t>(frame) < walks_.frame_count)
            return frame;
        tree_.bad_frame = true;
        return 0;
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

    void descend(const Group &group, const Column<Walker> &active, std::int64_t depth) {
        add_up(group, active);
        std::sort(touched_.begin(), touched_.end());
        add_children(group.node, depth);
        follow(group, active);
        for (std::int32_t frame : touched_)
            forget(static_cast<std::size_t>(frame));
        touched_.clear();
    }

    void add_up(const Group &group, const Column<Walker> &active) {
        const std::size_t types = walks_.types;
        for (std::size_t i = group.begin; i < group.end; ++i) {
            const Walker &w = active[i];
            const auto frame = static_cast<std::size_t>(w.frame);
            Tally &tally = tally_[frame];
            if (tally.count++ == 0) {
                touched_.push_back(w.frame);
                tally.first = w.sample;
            }
            mass_[frame * types] += w.mass;
            for (std::size_t t = 1; t < types; ++t)
                mass_[frame * types + t] += walks_.mass[static_cast<std::size_t>(w.sample) * types + t];
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
                tally_[f].child = kRest;
                if (rest_count++ == 0)
                    rest_sample = tally_[f].first;
                continue;
            }
            tally_[f].child = add_node(node, frame, 0, tally_[f].first, fine);
            if (is_step)
                step_into(tally_[f].child, f, step + 1 == cut_.path.size());
        }
        if (!rest_count)
            return;
        const std::int32_t rest = add_node(node, kRest, rest_count, rest_sample, fine);
        for (std::int32_t frame : touched_) {
            std::int32_t &child = tally_[static_cast<std::size_t>(frame)].child;
            if (child == kRest)
                child = rest;
        }
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

    // Put the walkers that go on below kept children behind each other, child by child.
    void follow(const Group &group, const Column<Walker> &active) {
        std::size_t room = next_.size();
        for (std::int32_t frame : touched_) {
            Tally &tally = tally_[static_cast<std::size_t>(frame)];
            tally.group = kStop;
            if (tree_.frame[static_cast<std::size_t>(tally.child)] < 0)
                continue;
            tally.group = next_groups_.size();
            next_groups_.push_back({tally.child, room, room});
            room += static_cast<std::size_t>(tally.count);
        }
        next_.grow(room - next_.size()); // no more walkers go on than there were
        for (std::size_t i = group.begin; i < group.end; ++i) {
            if (i + kAhead < group.end)
                __builtin_prefetch(&walks_.frames[static_cast<std::size_t>(active[i + kAhead].place)]);
            step_down(active[i]);
        }
    }

    void step_down(const Walker &w) {
        const Tally &tally = tally_[static_cast<std::size_t>(w.frame)];
        if (tally.group == kStop || w.left == 1) {
            tree_.node_of_sample[static_cast<std::size_t>(w.sample)] = tally.child;
            return;
        }
        const std::int64_t place = w.place + walks_.step;
        next_[next_groups_[tally.group].end++] = {w.mass, place, w.left - 1, w.sample, frame_at(place)};
    }

    void forget(std::size_t frame) {
        tally_[frame].count = 0;
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
    std::vector<Tally> tally_;
    std::vector<std::int32_t> touched_;
    // Of the next level.
    Column<Walker> next_;
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
    return nullptr;
}

GrownTree grow_tree(const Walks &walks, const Cut &cut) { return Grower(walks, cut).grown(); }

Column<std::int64_t> count_flags(std::span<const std::int64_t> start, const Flags &flags) {
    Column<std::int64_t> counts;
    counts.reserve(start.size());
    for (std::size_t row = 0; row + 1 < start.size(); ++row) {
        std::int64_t count = 0;
        for (auto i = start[row]; i < start[row + 1]; ++i)
            count += flags[static_cast<std::size_t>(i)];
        counts.push_back(count);
    }
    return counts;
}

FlagEnds flag_ends(std::span<const std::int64_t> start, const Flags &flags) {
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
