#include <Python.h>

#include "probe/common/interpreter.hpp"

#include "probe/common/stack_walk.hpp"

namespace whet::probe {
namespace {

// The layouts are believed only if they find the frame that Python itself says is running.
bool layout_fits(const whet_layout &layout) {
    PyFrameObject *frame = PyEval_GetFrame();
    if (!frame)
        return true;
    PyCodeObject *code = PyFrame_GetCode(frame);
    StackWalker walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type));
    Reader reader(true);
    bool readable;
    uintptr_t first = 0,
              leaf = walker.leaf(reader, reinterpret_cast<uintptr_t>(PyThreadState_Get()), &readable);
    Walk result = !readable ? Walk::rejected : walker.walk(reader, leaf, 1 << 20, [&](const Frame &f) {
        if (!first)
            first = f.code;
    });
    Py_DECREF(code);
    return result == Walk::ok && first == reinterpret_cast<uintptr_t>(code);
}

const whet_layout *known_interpreter(std::string *why_not) {
    const char *reason = nullptr;
    const whet_layout *layout = whet_layout_get(&reason);
    if (!layout) {
        *why_not = reason;
        return nullptr;
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        *why_not = "recording can only be started from the main interpreter";
        return nullptr;
    }
    if (!layout_fits(*layout)) {
        *why_not =
            "the running Python's frames are not laid out as expected; reinstall whet with this Python";
        return nullptr;
    }
    return layout;
}

} // namespace

const whet_layout *guarded_interpreter(std::string *why_not) {
    if (!fault_guard_install()) {
        *why_not = "the kernel refuses a SIGSEGV handler";
        return nullptr;
    }
    const whet_layout *layout = known_interpreter(why_not);
    if (!layout)
        fault_guard_remove();
    return layout;
}

} // namespace whet::probe
