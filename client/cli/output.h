// Standard output in large writes.
#pragma once

#include <string>
#include <string_view>

namespace sedge::cli {

// Collects text and writes it when asked or when there is much of it. Once the reader has gone away nothing is written any more.
class Output {
  public:
    std::string& text() { return text_; }  // append here
    // Writes if there is much; false when the reader has gone away or the disk refused.
    bool flush_if_large();
    bool flush();
    bool closed() const { return closed_; }

  private:
    std::string text_;
    bool closed_ = false;
};

// Writes all of it to standard output; false when it can't.
bool print(std::string_view text);

}  // namespace sedge::cli
