// What came between two snapshots of the same recording.
#pragma once

#include <string>
#include <vector>

#include "codec/profile.hpp"

namespace whet {

// Return `later` without what is in `earlier`. Samples and tables that only the past used are gone;
// it begins where `earlier` ends, and comments are the later one's. Values wrap. Throws FormatError
// where the two are not of one recording: other types, or another beginning. Of value types called as one
// of `amounts`, the result has what `later` has.
Profile difference(const Profile &later, Profile earlier, const std::vector<std::string> &amounts = {});

} // namespace whet
