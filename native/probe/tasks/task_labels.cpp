#include "probe/tasks/task_labels.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace whet::probe {
namespace {

std::mutex table_mutex;
std::unordered_map<std::string, uint32_t> ids;
std::deque<LabelPairs> table(1); // a deque: references stay valid while it grows
uint64_t refused = 0;

} // namespace

thread_local uint32_t current_task_label __attribute__((tls_model("initial-exec"))) = 0;
thread_local uintptr_t current_task_frame __attribute__((tls_model("initial-exec"))) = 0;

uint32_t task_label_intern(const std::string &name, const std::string &coroutine) {
    std::lock_guard lock(table_mutex);
    bool has_name = !name.empty();
    auto find = [&](const std::string &task) { return ids.find(task + '\0' + coroutine); };
    auto found = find(has_name ? name : coroutine);
    if (found == ids.end() && has_name && table.size() >= MAX_TASK_NAMES) {
        ++refused;
        has_name = false;
        found = find(coroutine);
    }
    if (found != ids.end())
        return found->second;
    if (table.size() >= MAX_TASK_LABELS) {
        ++refused;
        return 0;
    }
    const std::string &task = has_name ? name : coroutine;
    auto id = static_cast<uint32_t>(table.size());
    table.push_back({{"coroutine", coroutine}, {"task", task}});
    ids.emplace(task + '\0' + coroutine, id);
    return id;
}

const LabelPairs &task_label(uint32_t number) {
    std::lock_guard lock(table_mutex);
    return table[number < table.size() ? number : 0];
}

uint64_t task_labels_refused() {
    std::lock_guard lock(table_mutex);
    return refused;
}

} // namespace whet::probe
