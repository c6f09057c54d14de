// CRC-32 of gzip (ISO 3309, reflected polynomial 0xEDB88320).
#pragma once

#include <cstddef>
#include <cstdint>

namespace whet {

// Continue a checksum (0 to begin with) over more bytes.
std::uint32_t crc32(std::uint32_t crc, const std::uint8_t *data, std::size_t size);

} // namespace whet
