/* Struct layouts of the CPython this file is compiled for.

   The one place that knows where the interpreter keeps things. Offsets come from the
   interpreter's own internal headers at build time; what they were on each version, and how a
   frame is told from a shim, is written down in docs/quirks.md. Everybody else asks
   whet_layout_get(). */
#ifndef WHET_LAYOUT_H
#define WHET_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum whet_frame_kind { WHET_FRAME_CODE, WHET_FRAME_SKIP, WHET_FRAME_BAD };

struct whet_layout {
    uint32_t version; /* PY_VERSION_HEX of the headers */
    /* PyThreadState */
    size_t tstate_interp;
    size_t tstate_native_id;
    size_t tstate_context;
    size_t tstate_frame; /* current_frame (3.13+), or the cframe pointer (3.11, 3.12) */
    int tstate_frame_is_cframe;
    size_t cframe_frame;
    size_t cframe_previous;
    /* PyInterpreterState.ceval.gil, a pointer, and the condition variable in it; 0 on 3.11, where
       all interpreters have one GIL */
    size_t interp_gil;
    size_t gil_condition;
    /* _PyInterpreterFrame */
    size_t frame_code;
    size_t frame_previous;
    size_t frame_instr;
    size_t frame_owner;
    size_t frame_read_bytes; /* how much of a frame covers the fields above, a multiple of 8 */
    uintptr_t frame_code_mask;
    uint8_t owner_kind[8]; /* owner byte -> whet_frame_kind; larger owners are bad */
    /* PyCodeObject, PyObject, PyTypeObject */
    size_t code_adaptive;
    size_t object_type;
    size_t type_name;
    /* contextvars: PyContext.ctx_vars, PyHamtObject.h_root and the node kinds */
    size_t context_vars;
    size_t hamt_root;
    size_t bitmap_bits;
    size_t bitmap_array;
    size_t array_children;
    /* The collector's state, from the start of PyInterpreterState */
    size_t gc_long_lived_total;
    size_t gc_long_lived_pending;
    size_t gc_heap_size; /* 0 where there is none */
    /* PyGenObject, and coroutines and asynchronous generators alike */
    size_t generator_frame;
    size_t generator_state; /* int8_t */
    int8_t state_created;
};

/* Return the layout, or NULL with a reason when this interpreter is not one whet knows. */
const struct whet_layout *whet_layout_get(const char **reason);

/* The condition variable on which threads of the interpreter (PyInterpreterState *) wait for the GIL;
   its mutex and the pair for forced switches follow it. 0 where it is not known. */
uintptr_t whet_gil_condition(const void *interpreter);

/* How many bytes before an object of the type (PyTypeObject *) its memory block begins. */
size_t whet_object_prefix(const void *type);

#ifdef __cplusplus
}
#endif
#endif
