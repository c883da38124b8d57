// The msgpack reader on any bytes: value by value as peek() says, and by reads of types that need not be there.
#include "schema/limits.h"
#include "schema/msgpack.h"
#include "schema/record_batch.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;
using Type = MsgpackReader::Type;

namespace {

// Copies one value; false if it cannot be read, or has an ext in it.
bool copy_value(MsgpackReader& reader, MsgpackWriter& writer, int depth) {
    if (depth == 0) return false;
    const Type type = reader.peek();
    if (type == Type::array || type == Type::map) {
        const auto size = type == Type::array ? reader.array() : reader.map();
        if (!size) return false;
        type == Type::array ? writer.array(*size) : writer.map(*size);
        for (std::uint64_t i = 0; i < std::uint64_t{*size} * (type == Type::map ? 2 : 1); ++i)
            if (!copy_value(reader, writer, depth - 1)) return false;
        return true;
    }
    const auto write = [](const auto& value, auto&& put) {
        if (value) put(*value);
        return value.has_value();
    };
    switch (type) {
        case Type::nil: writer.nil(); return reader.nil();
        case Type::boolean: return write(reader.boolean(), [&](bool value) { writer.boolean(value); });
        case Type::uint: return write(reader.uint(), [&](std::uint64_t value) { writer.uint(value); });
        case Type::negative: return write(reader.sint(), [&](std::int64_t value) { writer.sint(value); });
        case Type::real: return write(reader.real(), [&](double value) { writer.real(value); });
        case Type::str: return write(reader.str(), [&](std::string_view value) { writer.str(value); });
        case Type::bin: return write(reader.bin(), [&](ByteView value) { writer.bin(value); });
        default: return false;
    }
}

void copy_twice(ByteView input) {
    MsgpackReader reader(input);
    Buffer once;
    MsgpackWriter first(once);
    if (!copy_value(reader, first, limits::kMaxMsgpackDepth)) return;
    // A signed tag may carry a positive number, which is then written shorter; everything else keeps its size or shrinks.
    fuzz_require(once.size() <= reader.position() + 8 * input.size(), "a copy is not much longer");
    MsgpackReader again(once);
    Buffer twice;
    MsgpackWriter second(twice);
    fuzz_require(copy_value(again, second, limits::kMaxMsgpackDepth) && again.at_end(), "what was written can be read");
    fuzz_require(once == twice, "a copy of a copy is the same");
    MsgpackReader skipper(once);
    fuzz_require(skipper.skip() && skipper.at_end(), "what can be read can be skipped");
}

// Byte by byte an operation, on the rest of the input.
void read_at_random(ByteView operations, ByteView input) {
    MsgpackReader reader(input);
    RecordView record;
    for (const std::byte operation : operations) {
        const std::size_t before = reader.position();
        const bool failed_before = reader.failed();
        bool done = false;
        switch (std::to_integer<unsigned>(operation) % 11) {
            case 0: done = reader.nil(); break;
            case 1: done = reader.boolean().has_value(); break;
            case 2: done = reader.uint().has_value(); break;
            case 3: done = reader.sint().has_value(); break;
            case 4: done = reader.real().has_value(); break;
            case 5: done = reader.str().has_value(); break;
            case 6: done = reader.bin().has_value(); break;
            case 7: done = reader.blob().has_value(); break;
            case 8: done = reader.array().has_value(); break;
            case 9: done = reader.map().has_value(); break;
            default: done = reader.skip(); break;
        }
        fuzz_require(reader.position() >= before && reader.position() <= input.size(), "a reader moves forward, and not beyond the end");
        fuzz_require(!done || reader.position() > before, "a value has a byte at least");
        fuzz_require(!failed_before || (!done && reader.failed()), "a reader that failed stays so");
        fuzz_require(reader.rest().size() == input.size() - reader.position(), "the rest is what was not read");
    }
    MsgpackReader records(input);
    while (!records.at_end() && read_record(records, 1'000, record)) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input = fuzz_bytes(data, size);
    copy_twice(input);
    constexpr std::size_t kOperations = 8;
    if (size > kOperations) read_at_random(input.first(kOperations), input.subspan(kOperations));
    return 0;
}
