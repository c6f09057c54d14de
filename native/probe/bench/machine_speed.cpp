#include "probe/bench/machine_speed.hpp"

#include <array>

#include "probe/common/clock.hpp"

namespace whet::probe {
namespace {

constexpr int STEPS = 12'000;
constexpr unsigned PROGRAM = 256; // a power of 2
constexpr unsigned MEMORY = 128;  // so is this

struct Machine {
    std::array<uint8_t, PROGRAM> program{};
    std::array<uint64_t, MEMORY> memory{};
};

constexpr Machine make_machine() {
    Machine machine;
    uint32_t state = 12345;
    for (auto &op : machine.program) {
        state = state * 1664525 + 1013904223; // Numerical Recipes' constants
        op = static_cast<uint8_t>(state >> 24) & 7;
    }
    for (auto &word : machine.memory) {
        state = state * 1664525 + 1013904223;
        word = state;
    }
    return machine;
}

constexpr Machine MACHINE = make_machine();

uint64_t interpret(int steps) {
    uint64_t a = 1, b = 2, c = 3, d = 5;
    for (int i = 0; i < steps; ++i) {
        switch (MACHINE.program[static_cast<unsigned>(i) % PROGRAM]) {
        case 0:
            a += MACHINE.memory[b % MEMORY];
            break;
        case 1:
            b ^= a << 3;
            break;
        case 2:
            c += MACHINE.memory[d % MEMORY] ^ a;
            break;
        case 3:
            d = d * 3 + c;
            break;
        case 4:
            a -= c >> 2;
            break;
        case 5:
            b += MACHINE.memory[a % MEMORY];
            break;
        case 6:
            c ^= d + 7;
            break;
        default:
            d += b;
            break;
        }
    }
    return a ^ b ^ c ^ d;
}

} // namespace

int64_t reference_work_ns() {
    int64_t begin = clock_ns(CLOCK_MONOTONIC);
    volatile uint64_t result = interpret(STEPS);
    (void)result;
    return clock_ns(CLOCK_MONOTONIC) - begin;
}

} // namespace whet::probe
