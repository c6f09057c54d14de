#include <Python.h>

#include "probe/common/names.hpp"

#include <climits>
#include <cstdlib>
#include <unistd.h>

namespace whet::probe {
namespace {

std::string utf8(PyObject *text) {
    if (!text || !PyUnicode_Check(text))
        return {};
    Py_ssize_t size;
    if (const char *data = PyUnicode_AsUTF8AndSize(text, &size))
        return {data, static_cast<size_t>(size)};
    PyErr_Clear();
    // Lone surrogates stand for undecodable bytes of a file name.
    std::string result;
    if (PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace")) {
        result.assign(PyBytes_AS_STRING(bytes), static_cast<size_t>(PyBytes_GET_SIZE(bytes)));
        Py_DECREF(bytes);
    }
    PyErr_Clear();
    return result;
}

bool ends_with(const std::string &text, const char *tail) { return text.ends_with(tail); }

std::string absolute(const std::string &filename) {
    if (filename.empty() || filename[0] == '/' || filename[0] == '<')
        return filename;
    char directory[PATH_MAX];
    if (!getcwd(directory, sizeof directory))
        return filename;
    std::string candidate = std::string(directory) + '/' + filename;
    return access(candidate.c_str(), F_OK) == 0 ? candidate : filename;
}

// a/b/c.py below a directory of sys.path is a.b.c
std::string module_from_path(const std::string &filename) {
    PyObject *path = PySys_GetObject("path"); // borrowed
    std::string best;
    for (Py_ssize_t i = 0; path && PyList_Check(path) && i < PyList_GET_SIZE(path); ++i) {
        std::string root = utf8(PyList_GET_ITEM(path, i));
        if (!root.empty() && root.back() != '/')
            root += '/';
        if (root.size() > best.size() && filename.starts_with(root))
            best = root;
    }
    std::string relative =
        best.empty() ? filename.substr(filename.rfind('/') + 1) : filename.substr(best.size());
    if (ends_with(relative, ".py"))
        relative.resize(relative.size() - 3);
    if (ends_with(relative, "/__init__"))
        relative.resize(relative.size() - 9);
    for (char &c : relative)
        if (c == '/')
            c = '.';
    return relative;
}

} // namespace

// Reads module dictionaries only: attribute access could run a lazy module's import.
void FunctionNamer::read_modules() {
    PyObject *modules = PySys_GetObject("modules"); // borrowed
    if (!modules || !PyDict_Check(modules))
        return;
    // It learns its file only when it is run, long after it came into the table.
    PyObject *script = PyDict_GetItemString(modules, "__main__"); // borrowed
    if (script && PyModule_Check(script)) {
        std::string filename = absolute(utf8(PyDict_GetItemString(PyModule_GetDict(script), "__file__")));
        if (!filename.empty())
            module_by_file_[filename] = "__main__";
    }
    if (PyDict_GET_SIZE(modules) == modules_read_)
        return;
    modules_read_ = PyDict_GET_SIZE(modules);
    PyObject *key, *module;
    for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &key, &module);) {
        if (!PyModule_Check(module) || !PyUnicode_Check(key))
            continue;
        PyObject *file = PyDict_GetItemString(PyModule_GetDict(module), "__file__"); // borrowed
        std::string name = utf8(key), filename = absolute(utf8(file));
        if (filename.empty())
            continue;
        auto [slot, fresh] = module_by_file_.emplace(filename, name);
        // One file under two names: the script itself stays __main__, else the shorter wins.
        if (!fresh && slot->second != "__main__" && name.size() < slot->second.size())
            slot->second = name;
    }
}

const std::string &FunctionNamer::module_of(const std::string &filename) {
    if (auto known = resolved_.find(filename); known != resolved_.end())
        return known->second;
    std::string module;
    if (filename.starts_with("<frozen ") && filename.ends_with(">")) {
        module = filename.substr(8, filename.size() - 9);
    } else if (filename.empty() || filename[0] == '<') {
        module = filename;
    } else {
        read_modules();
        auto known = module_by_file_.find(filename);
        module = known != module_by_file_.end() ? known->second : module_from_path(filename);
    }
    return resolved_.emplace(filename, std::move(module)).first->second;
}

FunctionName FunctionNamer::name(uintptr_t address) {
    auto *code = reinterpret_cast<PyCodeObject *>(address);
    FunctionName result;
    result.qualname = utf8(code->co_qualname);
    result.filename = absolute(utf8(code->co_filename));
    result.start_line = code->co_firstlineno;
    const std::string &module = module_of(result.filename);
    result.name = module.empty() ? result.qualname : module + "." + result.qualname;
    return result;
}

int64_t source_line(uintptr_t address, int64_t instr_off) {
    auto *code = reinterpret_cast<PyCodeObject *>(address);
    int offset = instr_off < 0 ? 0 : static_cast<int>(instr_off);
    int line = PyCode_Addr2Line(code, offset);
    return line > 0 ? line : code->co_firstlineno;
}

std::unordered_map<pid_t, std::string> python_thread_names() {
    std::unordered_map<pid_t, std::string> names;
    PyObject *modules = PySys_GetObject("modules"); // borrowed
    PyObject *threading =
        modules && PyDict_Check(modules) ? PyDict_GetItemString(modules, "threading") : nullptr;
    if (!threading || !PyModule_Check(threading))
        return names;
    PyObject *active = PyDict_GetItemString(PyModule_GetDict(threading), "_active");
    if (!active || !PyDict_Check(active))
        return names;
    // Instance dictionaries only: attribute access could run the program's code.
    PyObject *threads = PyDict_Values(active);
    for (Py_ssize_t i = 0; threads && i < PyList_GET_SIZE(threads); ++i) {
        PyObject *fields = PyObject_GenericGetDict(PyList_GET_ITEM(threads, i), nullptr);
        PyObject *id = fields ? PyDict_GetItemString(fields, "_native_id") : nullptr;
        PyObject *name = fields ? PyDict_GetItemString(fields, "_name") : nullptr;
        if (id && name && PyLong_Check(id))
            names[static_cast<pid_t>(PyLong_AsLong(id))] = utf8(name);
        Py_XDECREF(fields);
        PyErr_Clear();
    }
    Py_XDECREF(threads);
    PyErr_Clear();
    return names;
}

} // namespace whet::probe
