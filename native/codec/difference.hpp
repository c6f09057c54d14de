// What came between two snapshots of the same recording.
#pragma once

#include "codec/profile.hpp"

namespace whet {

// Return `later` without what is in `earlier`. Samples and tables that only the past used are gone;
// it begins where `earlier` ends, and comments are the later one's. Values wrap. Throws FormatError
// where the two are not of one recording: other types, or another beginning.
Profile difference(const Profile &later, Profile earlier);

} // namespace whet
