#include <Python.h>

#include "probe/tasks/task_names.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "probe/tasks/task_labels.hpp"

namespace whet::probe {
namespace {

// A reference that is given back at the end of its block.
class Owned {
  public:
    explicit Owned(PyObject *object) : object_(object) {}
    ~Owned() { Py_XDECREF(object_); }
    Owned(const Owned &) = delete;
    Owned &operator=(const Owned &) = delete;
    PyObject *get() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

  private:
    PyObject *object_;
};

PyObject *interned(const char *text) { return PyUnicode_InternFromString(text); }

// What asyncio's C part offers to find the running task. Kept for ever, as the module is.
struct Asyncio {
    PyObject *current_task = nullptr;  // 3.12 and newer: a C function
    PyObject *current_tasks = nullptr; // before: the dictionary {loop: task} that it would ask,
    PyObject *running_loop = nullptr;  // and the C function that returns the loop
    bool found = false;
};

PyObject *c_function(PyObject *module, const char *name) {
    PyObject *function = PyDict_GetItemString(PyModule_GetDict(module), name); // borrowed
    return function && PyCFunction_Check(function) ? Py_NewRef(function) : nullptr;
}

const Asyncio &asyncio() {
    static Asyncio known;
    if (known.found)
        return known;
    PyObject *modules = PySys_GetObject("modules"); // borrowed
    PyObject *module = modules && PyDict_Check(modules) ? PyDict_GetItemString(modules, "_asyncio") : nullptr;
    if (!module || !PyModule_Check(module))
        return known;
    known.current_task = c_function(module, "current_task");
    known.running_loop = c_function(module, "_get_running_loop");
    PyObject *tasks = PyDict_GetItemString(PyModule_GetDict(module), "_current_tasks");
    known.current_tasks = tasks && PyDict_Check(tasks) ? Py_NewRef(tasks) : nullptr;
    known.found = known.current_task || (known.running_loop && known.current_tasks);
    return known;
}

PyObject *running_task() {
    const Asyncio &known = asyncio();
    if (!known.found)
        return nullptr;
    if (known.current_task)
        return PyObject_CallNoArgs(known.current_task);
    Owned loop(PyObject_CallNoArgs(known.running_loop));
    if (!loop || loop.get() == Py_None)
        return nullptr;
    return Py_XNewRef(PyDict_GetItemWithError(known.current_tasks, loop.get()));
}

// The methods of the type of tasks that was met last, where they are written in C.
struct TaskMethods {
    PyTypeObject *type = nullptr;
    PyObject *get_coro = nullptr, *get_name = nullptr;
};

PyObject *c_method(PyTypeObject *type, const char *name) {
    PyObject *method = PyObject_GetAttrString(reinterpret_cast<PyObject *>(type), name);
    if (method && PyObject_TypeCheck(method, &PyMethodDescr_Type))
        return method;
    Py_XDECREF(method);
    PyErr_Clear();
    return nullptr;
}

const TaskMethods &methods_of(PyObject *task) {
    static TaskMethods known;
    if (known.type == Py_TYPE(task))
        return known;
    Py_XDECREF(known.get_coro);
    Py_XDECREF(known.get_name);
    Py_XDECREF(reinterpret_cast<PyObject *>(known.type));
    Py_INCREF(Py_TYPE(task));
    known = {Py_TYPE(task), c_method(Py_TYPE(task), "get_coro"), c_method(Py_TYPE(task), "get_name")};
    return known;
}

PyObject *call(PyObject *method, PyObject *task) {
    return method ? PyObject_CallOneArg(method, task) : nullptr;
}

std::string text_of(PyObject *object) {
    Py_ssize_t size;
    const char *text = object && PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, &size) : nullptr;
    return text ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// The names that asyncio itself gives: one each, never the same, so they tell nothing.
bool is_automatic(PyObject *name) {
    Py_ssize_t size;
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, &size) : nullptr;
    if (!text || size < 6 || std::memcmp(text, "Task-", 5) != 0)
        return false;
    return std::all_of(text + 5, text + size, [](char c) { return c >= '0' && c <= '9'; });
}

// Labels of nameless tasks by their coroutine's __qualname__, which the map keeps alive.
uint32_t label_of_coroutine(PyObject *qualname) {
    constexpr size_t MAX_KEPT = 1 << 12;
    static std::unordered_map<PyObject *, uint32_t> labels;
    if (auto known = labels.find(qualname); known != labels.end())
        return known->second;
    if (labels.size() >= MAX_KEPT) {
        for (const auto &[text, label] : labels)
            Py_DECREF(text);
        labels.clear();
    }
    uint32_t label = task_label_intern({}, text_of(qualname));
    labels.emplace(Py_NewRef(qualname), label);
    return label;
}

uint32_t label_of(PyObject *task) {
    static PyObject *qualname_key = interned("__qualname__");
    const TaskMethods &methods = methods_of(task);
    Owned coroutine(call(methods.get_coro, task)), name(call(methods.get_name, task));
    Owned qualname(coroutine ? PyObject_GetAttr(coroutine.get(), qualname_key) : nullptr);
    if (qualname && is_automatic(name.get()))
        return label_of_coroutine(qualname.get());
    std::string text = text_of(name.get()), function = text_of(qualname.get());
    return text.empty() && function.empty() ? 0 : task_label_intern(text, function);
}

} // namespace

uint32_t running_task_label() {
    Owned task(running_task());
    uint32_t label = task && task.get() != Py_None ? label_of(task.get()) : 0;
    PyErr_Clear();
    return label;
}

} // namespace whet::probe
