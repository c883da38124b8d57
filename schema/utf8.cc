#include "schema/utf8.h"

namespace sedge {

bool is_utf8(ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const auto lead = std::to_integer<unsigned>(bytes[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
        if (length == 0 || i + length > bytes.size()) return false;
        for (std::size_t j = 1; j < length; ++j) {
            const auto next = std::to_integer<unsigned>(bytes[i + j]);
            unsigned low = 0x80;
            unsigned high = 0xBF;
            if (j == 1 && lead == 0xE0) low = 0xA0;
            if (j == 1 && lead == 0xED) high = 0x9F;
            if (j == 1 && lead == 0xF0) low = 0x90;
            if (j == 1 && lead == 0xF4) high = 0x8F;
            if (next < low || next > high) return false;
        }
        i += length;
    }
    return true;
}

}  // namespace sedge
