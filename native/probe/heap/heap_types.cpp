#include <Python.h>

#include "probe/heap/heap_types.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "layout/layout.h"
#include "probe/common/clock.hpp"
#include "probe/heap/heap_events.hpp"

namespace whet::probe {
namespace {

// Objects between two looks at the clock.
constexpr uint64_t STRIDE = 256;

// The beginning of NumPy's PyArrayObject_fields, which its C API has had since version 1.0.
struct ArrayHead {
    PyObject_HEAD char *data;
    int dimension_count;
    void *dimensions, *strides;
    PyObject *base;
    PyObject *description;
    int flags;
};
constexpr int ARRAY_OWNS_DATA = 4;

std::string as_text(PyObject *value) {
    const char *text = value && PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : nullptr;
    if (!text)
        PyErr_Clear();
    return text ? text : "";
}

// As the class is called in Python. Asks no metaclass, which could be Python code.
std::string name_of(PyTypeObject *type) {
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return type->tp_name;
    PyObject *qualname = PyType_GetQualName(type);
    std::string name = as_text(qualname);
    Py_XDECREF(qualname);
    std::string module = as_text(type->tp_dict ? PyDict_GetItemString(type->tp_dict, "__module__") : nullptr);
    return module.empty() || module == "builtins" ? name : module + "." + name;
}

} // namespace

class HeapTypes::Look {
  public:
    Look(HeapTypes &found, int64_t end_ns) : found_(found), end_ns_(end_ns) {}

    // Look at an object that is tracked; 0: it is time to stop.
    static int tracked(PyObject *object, void *look) { return static_cast<Look *>(look)->look_at(object); }

  private:
    static int visit(PyObject *object, void *look) {
        static_cast<Look *>(look)->meet(object);
        return 0;
    }

    int look_at(PyObject *object) {
        if (count_++ % STRIDE == 0 && clock_ns(CLOCK_MONOTONIC) > end_ns_)
            return 0;
        meet(object);
        follow(object);
        while (!untracked_.empty()) {
            PyObject *next = untracked_.back();
            untracked_.pop_back();
            follow(next);
        }
        return 1;
    }

    void meet(PyObject *object) {
        PyTypeObject *type = Py_TYPE(object);
        note(reinterpret_cast<uintptr_t>(object) - whet_object_prefix(type), type);
        note(storage(object, type), type);
        // Tuples and dicts of nothing but atoms are not tracked; they cannot be part of a circle.
        if ((PyTuple_CheckExact(object) || PyDict_CheckExact(object)) && !PyObject_GC_IsTracked(object))
            untracked_.push_back(object);
    }

    static uintptr_t storage(PyObject *object, PyTypeObject *type) {
        const void *at = nullptr;
        if (PyList_Check(object)) {
            at = reinterpret_cast<PyListObject *>(object)->ob_item;
        } else if (PyDict_Check(object)) {
            auto *dict = reinterpret_cast<PyDictObject *>(object);
            // Keys beside values are shared by the instances of a class.
            at = dict->ma_values ? nullptr : dict->ma_keys;
        } else if (PyAnySet_Check(object)) {
            at = reinterpret_cast<PySetObject *>(object)->table;
        } else if (PyByteArray_Check(object)) {
            at = reinterpret_cast<PyByteArrayObject *>(object)->ob_bytes;
        } else if (static_cast<size_t>(type->tp_basicsize) >= sizeof(ArrayHead) &&
                   !std::strcmp(type->tp_name, "numpy.ndarray")) {
            auto *array = reinterpret_cast<ArrayHead *>(object);
            at = array->flags & ARRAY_OWNS_DATA ? array->data : nullptr;
        }
        return reinterpret_cast<uintptr_t>(at);
    }

    void follow(PyObject *object) {
        if (PyDict_CheckExact(object)) {
            // Its own traversal leaves out keys that are texts.
            PyObject *key, *value;
            for (Py_ssize_t at = 0; PyDict_Next(object, &at, &key, &value);)
                meet(key), meet(value);
        } else if (traverseproc traverse = Py_TYPE(object)->tp_traverse) {
            traverse(object, visit, this);
        }
    }

    void note(uintptr_t address, PyTypeObject *type) {
        if (!heap_filter.may_hold(reinterpret_cast<void *>(address)))
            return;
        auto at = std::lower_bound(found_.blocks_.begin(), found_.blocks_.end(), address);
        if (at == found_.blocks_.end() || *at != address)
            return;
        auto [number, fresh] = numbers_.try_emplace(type, found_.names_.size());
        if (fresh)
            found_.names_.push_back(name_of(type));
        found_.types_[static_cast<size_t>(at - found_.blocks_.begin())] = number->second;
    }

    HeapTypes &found_;
    const int64_t end_ns_;
    uint64_t count_ = 0;
    std::vector<PyObject *> untracked_;
    std::unordered_map<PyTypeObject *, uint32_t> numbers_;
};

HeapTypes::HeapTypes([[maybe_unused]] PyObject *objects, std::vector<uintptr_t> blocks, int64_t limit_ns)
    : blocks_(std::move(blocks)), types_(blocks_.size(), 0) {
    std::sort(blocks_.begin(), blocks_.end());
    Look look(*this, clock_ns(CLOCK_MONOTONIC) + limit_ns);
#if PY_VERSION_HEX >= 0x030c0000
    PyUnstable_GC_VisitObjects(&Look::tracked, &look);
#else
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); ++i)
        if (!Look::tracked(PyList_GET_ITEM(objects, i), &look))
            return;
#endif
}

uint32_t HeapTypes::of(uintptr_t block) const {
    auto at = std::lower_bound(blocks_.begin(), blocks_.end(), block);
    return at != blocks_.end() && *at == block ? types_[static_cast<size_t>(at - blocks_.begin())] : 0;
}

} // namespace whet::probe
