// The types of sampled blocks that are in use: of the objects in them, or of those that own them.
//
// A block gets a type only where an object says so itself. The objects that the garbage collector
// tracks, and what these refer to, are complete objects; a block that begins where such an object's
// memory begins is that object, and one that a list, dict, set, bytearray or NumPy array points to as
// its storage is that storage. Objects that only running functions or C code hold are not met.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct _object; // PyObject

namespace whet::probe {

class HeapTypes {
  public:
    HeapTypes() = default;
    // With the GIL, not counted. Runs no Python code and gives the GIL to nobody.
    //   objects: a list of what the garbage collector tracks; unused from 3.12 on, which needs none.
    //   blocks: addresses of sampled blocks in use now, in any order.
    //   limit_ns: when to stop looking.
    HeapTypes(_object *objects, std::vector<uintptr_t> blocks, int64_t limit_ns);

    // The number of a block's type; 0: not known.
    uint32_t of(uintptr_t block) const;
    // Its name, with its module unless that is builtins; empty for 0.
    const std::string &name(uint32_t type) const { return names_[type]; }

  private:
    class Look;

    std::vector<uintptr_t> blocks_; // sorted
    std::vector<uint32_t> types_;   // of blocks_
    std::vector<std::string> names_{""};
};

} // namespace whet::probe
