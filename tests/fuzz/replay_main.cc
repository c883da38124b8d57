// Gives every file of the folders named on the command line to the fuzz target, and then each of them with one byte changed at a time, so
// that the test looks a little further than the corpus does.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxChanges = 2'000;  // per file

using Input = std::vector<std::uint8_t>;

Input seed_from(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Input{std::istreambuf_iterator<char>(file), {}};
}

// In memory of exactly its size, so that a sanitizer sees a read of one byte too many.
void run(const Input& bytes, std::size_t size) {
    const Input exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void replay(const std::filesystem::path& path) {
    Input bytes = seed_from(path);
    run(bytes, bytes.size());
    const std::size_t step = bytes.size() / kMaxChanges + 1;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const std::uint8_t original = bytes[at];
        for (const int change : {0x01, 0x80, 0xFF}) {
            bytes[at] = static_cast<std::uint8_t>(original ^ change);
            run(bytes, bytes.size());
        }
        bytes[at] = original;
        run(bytes, at);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t files = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (!entry.is_regular_file()) continue;
            replay(entry.path());
            ++files;
        }
    }
    std::printf("%zu files replayed\n", files);
    return files == 0 ? 1 : 0;  // an empty corpus would be a test that cannot fail
}
