// A mutex taken by a thread that has the GIL, without ever waiting with it; and work done without it.
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

// The GIL is given up for as long as it lives, also where that ends by an exception.
class WithoutGil {
  public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() { PyEval_RestoreThread(state_); }
    WithoutGil(const WithoutGil &) = delete;
    WithoutGil &operator=(const WithoutGil &) = delete;

  private:
    PyThreadState *state_;
};

} // namespace whet::probe
