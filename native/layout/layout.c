/* Offsets by offsetof() against the internal headers, checked at run time against
   _Py_DebugOffsets where the interpreter carries it (3.13+, PEP 768's table). */
#define Py_BUILD_CORE 1
#include "Python.h"

#include "layout/layout.h"

#if defined(Py_GIL_DISABLED)
#define WHET_UNKNOWN "free-threaded builds of Python are not supported by the collectors"
#elif PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x03100000
#define WHET_UNKNOWN "the collectors know CPython 3.11 to 3.15; this is Python " PY_VERSION
#elif !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#define WHET_UNKNOWN "the collectors need Linux on x86-64 or aarch64"
#endif

#ifdef WHET_UNKNOWN

const struct whet_layout *whet_layout_get(const char **reason) {
    *reason = WHET_UNKNOWN;
    return NULL;
}

uintptr_t whet_gil_condition(const void *interpreter) {
    (void)interpreter;
    return 0;
}

size_t whet_object_prefix(const void *type) {
    (void)type;
    return 0;
}

#else

#include "internal/pycore_code.h"
#include "internal/pycore_context.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_hamt.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_object.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_tstate.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpframe_structs.h"
#endif

/* The node kinds of the contextvars HAMT are private to Python/hamt.c (all versions alike). */
struct bitmap_node {
    PyVarObject head;
    uint32_t bits;
    PyObject *array[1];
};
struct array_node {
    PyObject head;
    PyObject *children[32];
};

static const struct whet_layout LAYOUT = {
    .version = PY_VERSION_HEX,
    .tstate_interp = offsetof(PyThreadState, interp),
    .tstate_native_id = offsetof(PyThreadState, native_thread_id),
    .tstate_context = offsetof(PyThreadState, context),
#if PY_VERSION_HEX >= 0x030c0000
    .interp_gil = offsetof(PyInterpreterState, ceval.gil),
    .gil_condition = offsetof(struct _gil_runtime_state, cond),
#endif
#if PY_VERSION_HEX < 0x030d0000
    .tstate_frame = offsetof(PyThreadState, cframe),
    .tstate_frame_is_cframe = 1,
    .cframe_frame = offsetof(_PyCFrame, current_frame),
    .cframe_previous = offsetof(_PyCFrame, previous),
    .frame_code = offsetof(_PyInterpreterFrame, f_code),
    .frame_instr = offsetof(_PyInterpreterFrame, prev_instr),
    .frame_code_mask = ~(uintptr_t)0,
#else
    .tstate_frame = offsetof(PyThreadState, current_frame),
    .frame_code = offsetof(_PyInterpreterFrame, f_executable),
    .frame_instr = offsetof(_PyInterpreterFrame, instr_ptr),
    .frame_code_mask = ~(uintptr_t)3,
#endif
    .frame_previous = offsetof(_PyInterpreterFrame, previous),
    .frame_owner = offsetof(_PyInterpreterFrame, owner),
    .frame_read_bytes = (offsetof(_PyInterpreterFrame, owner) + 8) / 8 * 8,
    .owner_kind =
        {
            [FRAME_OWNED_BY_THREAD] = WHET_FRAME_CODE,
            [FRAME_OWNED_BY_GENERATOR] = WHET_FRAME_CODE,
            [FRAME_OWNED_BY_FRAME_OBJECT] = WHET_FRAME_CODE,
#if PY_VERSION_HEX < 0x030c0000
            [3] = WHET_FRAME_BAD,
            [4] = WHET_FRAME_BAD,
#elif PY_VERSION_HEX < 0x030e0000
            [FRAME_OWNED_BY_CSTACK] = WHET_FRAME_SKIP,
            [4] = WHET_FRAME_BAD,
#elif PY_VERSION_HEX < 0x030f0000
            [FRAME_OWNED_BY_INTERPRETER] = WHET_FRAME_SKIP,
            [FRAME_OWNED_BY_CSTACK] = WHET_FRAME_SKIP,
#else
            [FRAME_OWNED_BY_INTERPRETER] = WHET_FRAME_SKIP,
            [4] = WHET_FRAME_BAD,
#endif
            [5] = WHET_FRAME_BAD,
            [6] = WHET_FRAME_BAD,
            [7] = WHET_FRAME_BAD,
        },
    .code_adaptive = offsetof(PyCodeObject, co_code_adaptive),
    .object_type = offsetof(PyObject, ob_type),
    .type_name = offsetof(PyTypeObject, tp_name),
    .context_vars = offsetof(struct _pycontextobject, ctx_vars),
    .hamt_root = offsetof(PyHamtObject, h_root),
    .bitmap_bits = offsetof(struct bitmap_node, bits),
    .bitmap_array = offsetof(struct bitmap_node, array),
    .array_children = offsetof(struct array_node, children),
    .gc_long_lived_total = offsetof(PyInterpreterState, gc.long_lived_total),
    .gc_long_lived_pending = offsetof(PyInterpreterState, gc.long_lived_pending),
#if PY_VERSION_HEX >= 0x030e0000
    .gc_heap_size = offsetof(PyInterpreterState, gc.heap_size),
#endif
    .generator_frame = offsetof(PyGenObject, gi_iframe),
    .generator_state = offsetof(PyGenObject, gi_frame_state),
    .state_created = FRAME_CREATED,
};

const struct whet_layout *whet_layout_get(const char **reason) {
    *reason = NULL;
    if ((Py_Version >> 16) != (PY_VERSION_HEX >> 16)) {
        *reason = "the running Python is not the version whet was built for; reinstall whet";
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030d0000
    const _Py_DebugOffsets *own = &_PyRuntime.debug_offsets;
    if (own->version != Py_Version || own->free_threaded ||
        own->thread_state.current_frame != LAYOUT.tstate_frame ||
        own->thread_state.native_thread_id != LAYOUT.tstate_native_id ||
        own->interpreter_frame.previous != LAYOUT.frame_previous ||
        own->interpreter_frame.executable != LAYOUT.frame_code ||
        own->interpreter_frame.instr_ptr != LAYOUT.frame_instr ||
        own->interpreter_frame.owner != LAYOUT.frame_owner ||
        own->code_object.co_code_adaptive != LAYOUT.code_adaptive) {
        *reason = "the running Python lays out its frames differently from the headers whet was "
                  "built with; reinstall whet";
        return NULL;
    }
#endif
    return &LAYOUT;
}

uintptr_t whet_gil_condition(const void *interpreter) {
#if PY_VERSION_HEX < 0x030c0000
    (void)interpreter;
    return (uintptr_t)&_PyRuntime.ceval.gil.cond;
#else
    return (uintptr_t)&((const PyInterpreterState *)interpreter)->ceval.gil->cond;
#endif
}

size_t whet_object_prefix(const void *type) { return _PyType_PreHeaderSize((PyTypeObject *)type); }

#endif
