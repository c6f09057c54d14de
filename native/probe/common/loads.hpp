// Redirecting functions in objects that are loaded while a recording runs, before their code runs.
//
// Whoever loads an object looks something up in it before calling it, so dlsym is redirected, too.
// dlopen is left alone, as it looks at who calls it.
#pragma once

#include "probe/common/got.hpp"

namespace whet::probe {

// Redirect what `patches` say in all objects, now and in those to come. With the GIL; false when
// there are too many that are watched for. `patches` live for ever.
bool loads_watch(GotPatches &patches);
// Put back everything that `patches` redirected.
void loads_unwatch(GotPatches &patches);
// In a forked child: redirected functions stay so.
void loads_forget_after_fork();

} // namespace whet::probe
