#include <Python.h>

#include "probe/common/labels.hpp"

#if PY_VERSION_HEX < 0x030c0000
#include <structmember.h>
#define Py_T_OBJECT_EX T_OBJECT_EX
#define Py_READONLY READONLY
#endif

#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_map>

namespace whet::probe {
namespace {

struct LabelSetObject {
    PyObject_HEAD uint64_t id;
    PyObject *pairs;
};

PyTypeObject *label_set_type = nullptr;
std::atomic<uintptr_t> variable{0}; // the ContextVar, kept alive for ever
int32_t variable_hash = 0;

std::mutex table_mutex;
std::unordered_map<std::string, uint32_t> table_ids;
std::deque<LabelPairs> table(1); // a deque: references stay valid while it grows
std::atomic<uint64_t> refused{0};

std::string content_key(const LabelPairs &pairs) {
    std::string key;
    for (const auto &[name, value] : pairs) {
        key += std::to_string(name.size()) + ':' + name;
        key += std::to_string(value.size()) + ':' + value;
    }
    return key;
}

bool text_of(PyObject *object, std::string *out) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(object, &size);
    if (!text)
        return false;
    out->assign(text, static_cast<size_t>(size));
    return true;
}

// LabelSet(pairs: tuple[tuple[str, str], ...])
PyObject *label_set_new(PyTypeObject *type, PyObject *args, PyObject *) {
    PyObject *tuple;
    if (!PyArg_ParseTuple(args, "O!:LabelSet", &PyTuple_Type, &tuple))
        return nullptr;
    LabelPairs pairs;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
        PyObject *key, *value;
        std::string k, v;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, i), "UU", &key, &value) || !text_of(key, &k) ||
            !text_of(value, &v))
            return nullptr;
        pairs.emplace_back(std::move(k), std::move(v));
    }
    auto *self = reinterpret_cast<LabelSetObject *>(type->tp_alloc(type, 0));
    if (!self)
        return nullptr;
    self->id = label_set_intern(pairs);
    self->pairs = Py_NewRef(tuple);
    return reinterpret_cast<PyObject *>(self);
}

void label_set_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    Py_DECREF(reinterpret_cast<LabelSetObject *>(object)->pairs);
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject *set_label_variable(PyObject *, PyObject *object) {
    if (!PyContextVar_CheckExact(object)) {
        PyErr_SetString(PyExc_TypeError, "a ContextVar is needed");
        return nullptr;
    }
    Py_hash_t hash = PyObject_Hash(object);
    auto folded = static_cast<int32_t>(hash & 0xffffffff) ^ static_cast<int32_t>(hash >> 32);
    variable_hash = folded == -1 ? -2 : folded; // as hamt_hash() does
    Py_INCREF(object);
    variable.store(reinterpret_cast<uintptr_t>(object), std::memory_order_release);
    Py_RETURN_NONE;
}

PyMemberDef label_set_members[] = {
    {"pairs", Py_T_OBJECT_EX, offsetof(LabelSetObject, pairs), Py_READONLY, "((key, value), ...)"},
    {nullptr, 0, 0, 0, nullptr},
};
PyType_Slot label_set_slots[] = {
    {Py_tp_new, reinterpret_cast<void *>(label_set_new)},
    {Py_tp_dealloc, reinterpret_cast<void *>(label_set_dealloc)},
    {Py_tp_members, label_set_members},
    {Py_tp_doc, const_cast<char *>("a set of sample labels, known to the signal handler by id")},
    {0, nullptr},
};
PyType_Spec label_set_spec = {"whet._probe.LabelSet", sizeof(LabelSetObject), 0, Py_TPFLAGS_DEFAULT,
                              label_set_slots};
PyMethodDef set_variable_def = {"set_label_variable", set_label_variable, METH_O,
                                "Tell the samplers which ContextVar holds the LabelSet."};

enum class Node { bitmap, array, other };

// Node kinds are told apart by their type's name ("hamt_bitmap_node", ...): the types themselves
// are private to the interpreter.
Node node_kind(const whet_layout &at, const Reader &reader, uintptr_t node) {
    uintptr_t type, name;
    char text[16];
    if (!reader.word(&type, node + at.object_type) || !reader.word(&name, type + at.type_name))
        return Node::other;
    // Names are not aligned: read the aligned words around bytes 5 to 8 of the name.
    uintptr_t from = (name + 5) & ~uintptr_t{7};
    if (!reader.read(text, from, sizeof text))
        return Node::other;
    const char *kind = text + ((name + 5) - from);
    if (std::memcmp(kind, "bitm", 4) == 0)
        return Node::bitmap;
    if (std::memcmp(kind, "arra", 4) == 0)
        return Node::array;
    return Node::other;
}

} // namespace

uint32_t label_set_intern(const LabelPairs &pairs) {
    if (pairs.empty())
        return NO_LABELS;
    std::lock_guard lock(table_mutex);
    std::string key = content_key(pairs);
    if (auto found = table_ids.find(key); found != table_ids.end())
        return found->second;
    if (table.size() >= MAX_LABEL_SETS) {
        ++refused;
        return NO_LABELS;
    }
    auto id = static_cast<uint32_t>(table.size());
    table.push_back(pairs);
    table_ids.emplace(std::move(key), id);
    return id;
}

const LabelPairs &label_set(uint32_t id) {
    std::lock_guard lock(table_mutex);
    return table[id < table.size() ? id : 0];
}

uint64_t label_sets_refused() { return refused; }

bool labels_register(void *module_pointer) {
    auto *module = static_cast<PyObject *>(module_pointer);
    label_set_type = reinterpret_cast<PyTypeObject *>(PyType_FromSpec(&label_set_spec));
    if (!label_set_type ||
        PyModule_AddObjectRef(module, "LabelSet", reinterpret_cast<PyObject *>(label_set_type)) < 0)
        return false;
    PyObject *function = PyCFunction_New(&set_variable_def, nullptr);
    return function && PyModule_AddObject(module, "set_label_variable", function) == 0;
}

uint32_t labels_current(const whet_layout &at, const Reader &reader, uintptr_t tstate) {
    uintptr_t wanted = variable.load(std::memory_order_acquire);
    uintptr_t context, vars, node;
    if (!wanted || !reader.word(&context, tstate + at.tstate_context) || !context ||
        !reader.word(&vars, context + at.context_vars) || !reader.word(&node, vars + at.hamt_root))
        return NO_LABELS;
    // A HAMT of 32-bit hashes is at most 7 levels deep, 5 bits a level.
    for (unsigned shift = 0; shift < 35; shift += 5) {
        unsigned slot = (static_cast<uint32_t>(variable_hash) >> shift) & 31;
        Node kind = node_kind(at, reader, node);
        if (kind == Node::array) {
            if (!reader.word(&node, node + at.array_children + slot * sizeof node) || !node)
                return NO_LABELS;
            continue;
        }
        if (kind != Node::bitmap)
            return NO_LABELS;
        uintptr_t bits;
        if (!reader.word(&bits, node + at.bitmap_bits))
            return NO_LABELS;
        uint32_t bitmap = static_cast<uint32_t>(bits), bit = uint32_t{1} << slot;
        if (!(bitmap & bit))
            return NO_LABELS;
        unsigned index = 2 * static_cast<unsigned>(__builtin_popcount(bitmap & (bit - 1)));
        uintptr_t pair[2];
        if (!reader.read(pair, node + at.bitmap_array + index * sizeof node, sizeof pair))
            return NO_LABELS;
        if (pair[0] == 0) {
            node = pair[1];
            continue;
        }
        if (pair[0] != wanted)
            return NO_LABELS;
        uintptr_t object[3]; // the object's head, then the id
        static_assert(offsetof(LabelSetObject, id) == 2 * sizeof node);
        if (!reader.read(object, pair[1], sizeof object) ||
            object[at.object_type / sizeof node] != reinterpret_cast<uintptr_t>(label_set_type))
            return NO_LABELS;
        return static_cast<uint32_t>(object[2]);
    }
    return NO_LABELS;
}

} // namespace whet::probe
