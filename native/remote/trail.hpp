// What a thread's last stack was made into, so that of the next one only what differs has to be looked up.
//
// Every stack is read and walked whole, and the heads of all its code objects are read under the same
// proof; only the way from there to a node of the tree of stacks is kept. A frame's node depends on nothing
// but its parent's node, its instruction, and the code object at its address, which is known by its head. So
// the nodes of the last stack hold for as many frames from the root on as have the same code addresses and
// instructions, while these codes have the same heads. Whether a frame was popped and pushed again
// meanwhile, and where it lies, does not matter.
#pragma once

#include <cstdint>
#include <vector>

#include "remote/codes.hpp"
#include "remote/counts.hpp"
#include "remote/stack.hpp"

namespace whet::remote {

// A code object in a stack.
struct CodeUse {
    uint64_t address;
    size_t first; // the frame, counted from the root, that showed it
    int32_t number = -1;
};

// A stack as it was read, together with the codes in it; to be made under a proof.
struct StackReading {
    std::vector<Frame> frames;   // leaf first
    bool is_good = false;        // a whole stack of code objects
    size_t shared = 0;           // frames from the root that the last stack had, too
    std::vector<CodeUse> uses;   // ordered by `first`; those of the shared frames as the last stack had them
    std::vector<SeenCode> codes; // of the uses
    std::vector<uint32_t> use;   // index in `uses` of the frames above the shared ones, root first
};

class Trail {
  public:
    // Find and read the codes of a stack that was copied.
    void read_codes(Codes *codes, StackReading *reading) const;
    // The node of a good stack that is proved, -1 for an empty one.
    int32_t node(Codes *codes, Counts *counts, StackReading *reading);

  private:
    size_t shared(const std::vector<Frame> &leaf_first) const;
    void list_uses(size_t shared, StackReading *reading) const;

    std::vector<Frame> frames_; // root first
    std::vector<int32_t> nodes_;
    std::vector<CodeUse> uses_;
};

} // namespace whet::remote
