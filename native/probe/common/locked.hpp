// A mutex taken by a thread that has the GIL, without ever waiting with it.
#pragma once

#include <Python.h>

#include <mutex>

namespace whet::probe {

class Locked {
  public:
    explicit Locked(std::mutex &mutex) : mutex_(mutex) {
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

} // namespace whet::probe
