// Fuzz target: an answer whose head is known is complete after its body however its bytes are cut, what
// follows it is excess, and nothing else is taken for an answer.
//
// The first byte says how to cut; the rest is what a server sends. Its heads are learned as they come; how
// long a body is, is made from the head's length.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "load/answers.hpp"
#include "fuzzing.hpp"

using namespace whet::load;

namespace {

constexpr std::size_t remembered = 8;

Head head_of(std::string_view bytes) {
    return {std::string(bytes), static_cast<std::int64_t>(bytes.size() % 37),
            200 + static_cast<int>(bytes.size())};
}

// Take an answer of `size` bytes whose head is `head`; the first piece has `first` bytes.
void take_whole(Heads &heads, const Head &head, const char *data, std::size_t size, std::size_t first,
                std::size_t step) {
    Answer answer;
    for (std::size_t at = 0, n = first; at < size; at += n, n = std::min(step, size - at)) {
        const Reading reading = answer.take(heads, data + at, n);
        if (reading != (at + n < size ? Reading::more : Reading::complete))
            violated("an answer is complete with its last byte and not before");
        if (answer.left != static_cast<std::int64_t>(size - at - n))
            violated("what is left is what has not come");
        if (!at != (answer.head != nullptr))
            violated("a head comes once");
        if (answer.head && (answer.head->status != head.status || answer.head->bytes != head.bytes))
            violated("the head is the one that came");
    }
}

// The same with bytes after its end.
void take_more(Heads &heads, const char *data, std::size_t size, std::size_t first, std::size_t extra) {
    Answer whole, cut;
    if (whole.take(heads, data, size + extra) != Reading::unknown)
        violated("a first piece that goes too far is left alone");
    if (first == size)
        return;
    if (cut.take(heads, data, first) != Reading::more ||
        cut.take(heads, data + first, size - first + extra) != Reading::excess)
        violated("what follows an answer is excess");
    if (cut.left != static_cast<std::int64_t>(size - first))
        violated("excess changes nothing");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (!size)
        return 0;
    const std::size_t cuts = data[0];
    std::string_view rest(reinterpret_cast<const char *>(data) + 1, size - 1);
    Heads heads;
    std::deque<std::string> known; // the model: the last ones, a head that comes again keeps its place
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n\r\n");
        if (end == rest.npos) {
            if (Answer().take(heads, rest.data(), rest.size()) != Reading::unknown)
                violated("without a head there is no answer");
            break;
        }
        const Head head = head_of(rest.substr(0, end + 4));
        const bool is_known = std::find(known.begin(), known.end(), head.bytes) != known.end();
        if ((heads.find(rest.data(), rest.size()) != nullptr) != is_known)
            violated("the last heads are known and no others");
        if (!is_known) {
            known.push_back(head.bytes);
            if (known.size() > remembered)
                known.pop_front();
        }
        heads.learn(head);
        const std::size_t body = static_cast<std::size_t>(head.body_bytes);
        const std::size_t whole = head.bytes.size() + body;
        if (rest.size() < whole)
            break;
        const std::size_t first = head.bytes.size() + (body ? cuts % (body + 1) : 0);
        take_whole(heads, head, rest.data(), whole, first, 1 + cuts % 11);
        if (rest.size() > whole)
            take_more(heads, rest.data(), whole, first,
                      std::min<std::size_t>(rest.size() - whole, 1 + cuts % 5));
        if (Answer().take(heads, rest.data(), head.bytes.size() - 1) != Reading::unknown)
            violated("half a head is no answer");
        rest.remove_prefix(whole);
    }
    return 0;
}
