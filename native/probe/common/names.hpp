// From code objects and thread ids to names. Everything here needs the GIL.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <unordered_map>

namespace whet::probe {

struct FunctionName {
    std::string name;     // module.qualname
    std::string qualname; // as the code object says
    std::string filename; // absolute where that can be told
    int64_t start_line = 0;
};

// Names functions by the module their file was imported as: profiles are aggregated by name, and
// two functions `run` in two files must not become one.
class FunctionNamer {
  public:
    FunctionName name(uintptr_t code);

  private:
    void read_modules();
    const std::string &module_of(const std::string &filename);

    std::unordered_map<std::string, std::string> module_by_file_;
    std::unordered_map<std::string, std::string> resolved_;
    long modules_read_ = -1; // len(sys.modules) then
};

// Source line of an instruction, by the code object's line table; the first line if unknown.
int64_t source_line(uintptr_t code, int64_t instr_off);

// native thread id -> threading.Thread.name, for the threads that Python knows by name.
std::unordered_map<pid_t, std::string> python_thread_names();

} // namespace whet::probe
