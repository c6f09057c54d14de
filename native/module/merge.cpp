// Bindings of native/codec/merge.
#include <nanobind/nanobind.h>

#include <memory>

#include "codec/decode.hpp"
#include "codec/merge.hpp"
#include "module/columns.hpp"
#include "module/errors.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

// Profiles are fed block by block; `next` ends one and folds it in.
class PprofMerger {
  public:
    void feed(nb::bytes block) {
        const auto *data = static_cast<const std::uint8_t *>(block.data());
        const std::size_t size = block.size();
        guarded([&] { decoder_->feed(data, size); });
    }
    bool next() {
        return guarded([&] {
            const std::unique_ptr<Decoder> done = std::exchange(decoder_, std::make_unique<Decoder>());
            return merger_.add(done->finish());
        });
    }
    // Forget the profile begun, which is damaged.
    void drop() { decoder_ = std::make_unique<Decoder>(); }
    nb::dict finish() { return columns_of(merger_.take()); }

  private:
    std::unique_ptr<Decoder> decoder_ = std::make_unique<Decoder>();
    Merger merger_;
};

} // namespace

void bind_merge(nb::module_ &m) {
    nb::class_<PprofMerger>(m, "PprofMerger")
        .def(nb::init<>())
        .def("feed", &PprofMerger::feed, nb::arg("block"))
        .def("next", &PprofMerger::next)
        .def("drop", &PprofMerger::drop)
        .def("finish", &PprofMerger::finish);
}
