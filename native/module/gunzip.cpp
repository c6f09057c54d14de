// Bindings of native/codec/gunzip: an iterator over the content of a gzip stream.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "codec/gunzip.hpp"
#include "module/errors.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

// `read(size)` returns up to `size` bytes, none at the end; it is called with the lock held.
class GzipBlocks {
  public:
    explicit GzipBlocks(nb::object read)
        : gunzip_([read = std::move(read)](std::uint8_t *to, std::size_t size) {
              nb::gil_scoped_acquire locked;
              const nb::bytes piece = nb::cast<nb::bytes>(read(size));
              if (piece.size() > size)
                  throw nb::value_error("read returned more than it was asked for");
              std::memcpy(to, piece.data(), piece.size());
              return piece.size();
          }) {}

    nb::bytes next() {
        std::span<const std::uint8_t> piece;
        try {
            nb::gil_scoped_release unlocked;
            piece = gunzip_.next();
        } catch (const FormatError &error) {
            raise_format_error(error);
        }
        if (piece.empty())
            throw nb::stop_iteration();
        return nb::bytes(reinterpret_cast<const char *>(piece.data()), piece.size());
    }

  private:
    Gunzip gunzip_;
};

} // namespace

void bind_gunzip(nb::module_ &m) {
    nb::class_<GzipBlocks>(m, "GzipBlocks")
        .def(nb::init<nb::object>(), nb::arg("read"))
        .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
        .def("__next__", &GzipBlocks::next);
}
