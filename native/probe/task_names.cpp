#include <Python.h>

#include "probe/task_names.hpp"

#include <string>

#include "probe/task_labels.hpp"

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

PyObject *module_attribute(const char *name) {
    PyObject *modules = PySys_GetObject("modules"); // borrowed
    PyObject *module = modules && PyDict_Check(modules) ? PyDict_GetItemString(modules, "_asyncio") : nullptr;
    return module && PyModule_Check(module) ? PyDict_GetItemString(PyModule_GetDict(module), name) : nullptr;
}

// 3.12 and newer: a C function. Before, the dictionary {loop: task} that it would ask.
PyObject *running_task() {
    if (PyObject *function = module_attribute("current_task"); function && PyCFunction_Check(function))
        return PyObject_CallNoArgs(function);
    PyObject *tasks = module_attribute("_current_tasks"), *get_loop = module_attribute("_get_running_loop");
    if (!tasks || !PyDict_Check(tasks) || !get_loop || !PyCFunction_Check(get_loop))
        return nullptr;
    Owned loop(PyObject_CallNoArgs(get_loop));
    if (!loop || loop.get() == Py_None)
        return nullptr;
    return Py_XNewRef(PyDict_GetItemWithError(tasks, loop.get()));
}

// The result of a method that is written in C; nullptr where it is not, or fails.
PyObject *call_c_method(PyObject *object, const char *name) {
    Owned method(PyObject_GetAttrString(reinterpret_cast<PyObject *>(Py_TYPE(object)), name));
    if (!method || !PyObject_TypeCheck(method.get(), &PyMethodDescr_Type))
        return nullptr;
    return PyObject_CallOneArg(method.get(), object);
}

std::string text_of(PyObject *object) {
    Py_ssize_t size;
    const char *text = object && PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, &size) : nullptr;
    return text ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// The names that asyncio itself gives: one each, never the same, so they tell nothing.
bool is_automatic(const std::string &name) {
    return name.starts_with("Task-") && name.find_first_not_of("0123456789", 5) == std::string::npos;
}

} // namespace

uint32_t running_task_label() {
    Owned task(running_task());
    uint32_t label = 0;
    if (task && task.get() != Py_None) {
        Owned coroutine(call_c_method(task.get(), "get_coro")), name(call_c_method(task.get(), "get_name"));
        Owned qualname(coroutine ? PyObject_GetAttrString(coroutine.get(), "__qualname__") : nullptr);
        std::string text = text_of(name.get()), function = text_of(qualname.get());
        if (!text.empty() || !function.empty())
            label = task_label_intern(is_automatic(text) ? std::string() : text, function);
    }
    PyErr_Clear();
    return label;
}

} // namespace whet::probe
