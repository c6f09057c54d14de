// The ticker thread: sends the signal at rates above the kernel's tick.
#pragma once

namespace whet::probe {

// The thread's routine; `session` is a Session. Runs until it is stopping.
void *ticker_main(void *session);

} // namespace whet::probe
