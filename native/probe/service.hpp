// The service thread: drains the ring, resolves names under the GIL, and watches over threads and signal.
#pragma once

#include <Python.h>

#include "probe/session.hpp"

namespace whet::probe {

// Holds the session's mutex, taken by a thread that has the GIL without ever waiting with it.
class Locked {
  public:
    explicit Locked(Session &s) : mutex_(s.mutex) {
        if (mutex_.try_lock())
            return;
        Py_BEGIN_ALLOW_THREADS;
        mutex_.lock();
        Py_END_ALLOW_THREADS;
    }
    ~Locked() { mutex_.unlock(); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

  private:
    std::mutex &mutex_;
};

// With the GIL: everything that is in the ring becomes part of the aggregate. The collector is
// off meanwhile: a finalizer run from an allocation of ours could come back here.
void drain_and_resolve(Session &s);

// The thread's routine; `session` is a Session. Runs until it is stopping.
void *service_main(void *session);

} // namespace whet::probe
