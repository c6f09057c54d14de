"""Write src/whet/collect/remote/tables.py: where other interpreters keep things, per minor version.

    python tools/gen_remote_tables.py            write the file; needs the headers of every version
    python tools/gen_remote_tables.py --check    compare it with the headers that are present

Numbers are `offsetof` of the interpreters' own internal headers, asked of the C compiler. From 3.13 on
the target tells most of them itself (`_Py_DebugOffsets`, PEP 768); then the table says where in there.
Headers are looked for below pyenv's versions, /usr/include and a chroot of tools/newer_python.sh.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = [(3, 11), (3, 12), (3, 13), (3, 14), (3, 15)]
OUTPUT = Path(__file__).resolve().parent.parent / "src/whet/collect/remote/tables.py"
CHROOT = Path("/var/cache/whet/testing/usr/include")

PROGRAM = r"""
#define Py_BUILD_CORE 1
#include "Python.h"
#include "internal/pycore_code.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_tstate.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpframe_structs.h"
#endif
#include <stddef.h>
#include <stdio.h>
#define AT(name, type, field) printf("%s %zu -\n", name, offsetof(type, field))
#define SAID(name, type, field, said) \
    printf("%s %zu %zu\n", name, offsetof(type, field), offsetof(_Py_DebugOffsets, said) / 8)
#define IS(name, value) printf("%s %zu -\n", name, (size_t)(value))
#if PY_VERSION_HEX < 0x030d0000
#undef SAID
#define SAID(name, type, field, said) AT(name, type, field)
#endif
int main(void) {
    SAID("runtime_interpreters", _PyRuntimeState, interpreters.head, runtime_state.interpreters_head);
    SAID("interpreter_next", PyInterpreterState, next, interpreter_state.next);
    SAID("interpreter_threads", PyInterpreterState, threads.head, interpreter_state.threads_head);
#if PY_VERSION_HEX < 0x030c0000
    IS("interpreter_gil", 0);
    AT("runtime_gil", _PyRuntimeState, ceval.gil);
#else
    SAID("interpreter_gil", PyInterpreterState, ceval.gil, interpreter_state.ceval_gil);
    IS("runtime_gil", 0);
#endif
    AT("gil_holder", struct _gil_runtime_state, last_holder);
    AT("gil_locked", struct _gil_runtime_state, locked);
    AT("gil_switches", struct _gil_runtime_state, switch_number);
    AT("gil_condition", struct _gil_runtime_state, cond);
    SAID("thread_next", PyThreadState, next, thread_state.next);
    SAID("thread_native_id", PyThreadState, native_thread_id, thread_state.native_thread_id);
    SAID("thread_chunk", PyThreadState, datastack_chunk, thread_state.datastack_chunk);
    AT("thread_chunk_top", PyThreadState, datastack_top);
#if PY_VERSION_HEX < 0x030d0000
    AT("thread_frame", PyThreadState, cframe);
    IS("frame_is_in_cframe", 1);
    AT("cframe_frame", _PyCFrame, current_frame);
    IS("code_mask", ~(size_t)0);
#if PY_VERSION_HEX < 0x030c0000
    AT("frame_code", _PyInterpreterFrame, f_code);
    IS("skipped_owners", 0);
#else
    AT("frame_code", _PyInterpreterFrame, f_code);
    IS("skipped_owners", 1 << FRAME_OWNED_BY_CSTACK);
#endif
    AT("frame_instruction", _PyInterpreterFrame, prev_instr);
#else
    SAID("thread_frame", PyThreadState, current_frame, thread_state.current_frame);
    IS("frame_is_in_cframe", 0);
    IS("cframe_frame", 0);
    IS("code_mask", ~(size_t)3);
    SAID("frame_code", _PyInterpreterFrame, f_executable, interpreter_frame.executable);
    SAID("frame_instruction", _PyInterpreterFrame, instr_ptr, interpreter_frame.instr_ptr);
#if PY_VERSION_HEX < 0x030e0000
    IS("skipped_owners", 1 << FRAME_OWNED_BY_CSTACK);
#elif PY_VERSION_HEX < 0x030f0000
    IS("skipped_owners", 1 << FRAME_OWNED_BY_INTERPRETER | 1 << FRAME_OWNED_BY_CSTACK);
#else
    IS("skipped_owners", 1 << FRAME_OWNED_BY_INTERPRETER);
#endif
#endif
    SAID("frame_previous", _PyInterpreterFrame, previous, interpreter_frame.previous);
    SAID("frame_owner", _PyInterpreterFrame, owner, interpreter_frame.owner);
    AT("chunk_previous", _PyStackChunk, previous);
    AT("chunk_size", _PyStackChunk, size);
    SAID("code_filename", PyCodeObject, co_filename, code_object.filename);
    SAID("code_name", PyCodeObject, co_qualname, code_object.qualname);
    SAID("code_lines", PyCodeObject, co_linetable, code_object.linetable);
    SAID("code_first_line", PyCodeObject, co_firstlineno, code_object.firstlineno);
#if PY_VERSION_HEX < 0x030c0000
    IS("code_version", 0);
#else
    AT("code_version", PyCodeObject, co_version);
#endif
    SAID("code_start", PyCodeObject, co_code_adaptive, code_object.co_code_adaptive);
    SAID("object_type", PyObject, ob_type, pyobject.ob_type);
    SAID("type_name", PyTypeObject, tp_name, type_object.tp_name);
    SAID("bytes_size", PyBytesObject, ob_base.ob_size, bytes_object.ob_size);
    SAID("bytes_value", PyBytesObject, ob_sval, bytes_object.ob_sval);
    SAID("text_length", PyASCIIObject, length, unicode_object.length);
    SAID("text_state", PyASCIIObject, state, unicode_object.state);
    IS("ascii_bytes", sizeof(PyASCIIObject));
    IS("compact_bytes", sizeof(PyCompactUnicodeObject));
#if PY_VERSION_HEX >= 0x030d0000
    printf("%s %zu -\n", "DEBUG_OFFSETS_BYTES", sizeof(_Py_DebugOffsets));
#endif
    return 0;
}
"""

HEAD = '''"""Where interpreters keep what a reader of their memory needs, in bytes.

Written by tools/gen_remote_tables.py from the interpreters' own internal headers; never edited.
`OFFSETS` is the table per minor version (builds with the GIL, 64 bit); `SAID` tells which of them the
target says itself, from 3.13 on: the index of an unsigned 64-bit number in its `_Py_DebugOffsets`.
"""

__all__ = ["DEBUG_OFFSETS_BYTES", "OFFSETS", "SAID"]

'''


def folders(version: tuple[int, int]) -> list[Path]:
    """Return the folders with headers of a version that are present, the most trusted first."""
    name = f"python{version[0]}.{version[1]}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version[0]}.{version[1]}.*/include/{name}"))
    candidates = [*pyenv, Path("/usr/include") / name, CHROOT / name]
    return [path for path in candidates if (path / "internal/pycore_runtime.h").exists()]


def ask(folder: Path) -> dict[str, tuple[int, int | None]]:
    """Return (offset, index in _Py_DebugOffsets or None) by name, as the compiler sees the headers."""
    with tempfile.TemporaryDirectory() as scratch:
        source, program = Path(scratch) / "offsets.c", Path(scratch) / "offsets"
        source.write_text(PROGRAM)
        folders = ["-I", str(folder), "-I", str(folder / "internal"), "-idirafter", str(folder.parent)]
        subprocess.run(["cc", "-w", *folders, str(source), "-o", str(program)], check=True)
        lines = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines()
    rows = (line.split() for line in lines)
    return {name: (int(offset), None if said == "-" else int(said)) for name, offset, said in rows}


def text(found: dict[tuple[int, int], dict[str, tuple[int, int | None]]]) -> str:
    """Return the generated module."""
    sizes, offsets, said = [], [], []
    for version, rows in found.items():
        size = rows.pop("DEBUG_OFFSETS_BYTES", None)
        if size:
            sizes.append(f"    {version}: {size[0]},\n")
        offsets += [f"    {version}: {{\n"]
        offsets += [f'        "{name}": {_number(offset)},\n' for name, (offset, _) in rows.items()]
        offsets += ["    },\n"]
        indexes = [f'        "{name}": {index},\n' for name, (_, index) in rows.items() if index is not None]
        if indexes:
            said += [f"    {version}: {{\n", *indexes, "    },\n"]
    parts = [HEAD, "DEBUG_OFFSETS_BYTES = {\n", *sizes, "}\n\nOFFSETS = {\n", *offsets, "}\n\nSAID = {\n"]
    return "".join([*parts, *said, "}\n"])


def _number(value: int) -> str:
    return f"0x{value:X}" if value > 1 << 32 else str(value)


def main() -> None:
    """Write the tables, or check them."""
    check = "--check" in sys.argv[1:]
    found = {}
    for version in VERSIONS:
        present = folders(version)
        if present:
            found[version] = ask(present[0])
        else:
            print(f"no headers of {version[0]}.{version[1]}: not checked")
    if not check:
        if len(found) < len(VERSIONS):
            sys.exit("gen_remote_tables: headers of every version are needed to write the tables")
        OUTPUT.write_text(text(found))
        return
    written = OUTPUT.read_text()
    for version, rows in found.items():
        section = text({version: rows})
        for block in re.findall(r"    \(\d, \d+\): (?:\{\n(?:        .*\n)+    \}|\d+),\n", section):
            if block not in written:
                sys.exit(f"gen_remote_tables: {OUTPUT.name} is not what the headers of {version} say")


if __name__ == "__main__":
    main()
