// Where another process's interpreter keeps things, as offsets in bytes.
//
// The numbers come from whet/collect/remote/layout.py: a table for the minor version, and on 3.13 and later
// what the target itself says (PEP 768). tools/gen_remote_tables.py says what each of them is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace whet::remote {

struct Layout {
    size_t runtime_interpreters, runtime_gil;
    size_t interpreter_next, interpreter_threads, interpreter_gil;
    size_t gil_holder, gil_locked, gil_switches, gil_condition;
    size_t thread_next, thread_native_id, thread_chunk, thread_chunk_top, thread_frame;
    size_t frame_is_in_cframe, cframe_frame;
    size_t frame_code, frame_instruction, frame_previous, frame_owner;
    size_t code_mask, skipped_owners;
    size_t chunk_previous, chunk_size;
    size_t code_filename, code_name, code_lines, code_first_line, code_start;
    size_t code_version; // 0: there is none
    size_t object_type, type_name;
    size_t bytes_size, bytes_value;
    size_t text_length, text_state, ascii_bytes, compact_bytes;
};

} // namespace whet::remote
