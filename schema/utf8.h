// Text that other languages' decoders accept: many refuse a whole message for one msgpack str that is not UTF-8.
#pragma once

#include "schema/bytes.h"

namespace sedge {

// Well-formed by table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(ByteView bytes);

}  // namespace sedge
