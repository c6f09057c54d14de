// Several profiles of one time as one, their value types side by side.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/profile.hpp"

namespace whet {

// Return one profile with those value types that `names` has, in the profiles' order, called as it says.
// Samples with the same stack and labels become one. Time, duration and period are the first profile's.
Profile join(std::vector<Profile> profiles, const std::map<std::string, std::string> &names);

} // namespace whet
