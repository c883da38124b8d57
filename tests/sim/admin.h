// Makes, alters and deletes the topics that the others use, and asks about everything.
#pragma once

#include <string>

#include "tests/sim/client.h"

namespace sedge::sim {

class AdminClient : public Client {
  public:
    using Client::Client;
    void begin() override;
    void on_answer(ByteView, const std::vector<SharedBytes>&) override {}
    bool is_done() const override { return true; }

  private:
    void step();
    void create(const std::string& topic);
    void alter(const std::string& topic);
};

// Keeps no rule: noise, cut and changed frames, too many frames, floods. Nothing may come of it but errors.
class HostileClient : public Client {
  public:
    using Client::Client;
    void begin() override;
    void on_answer(ByteView, const std::vector<SharedBytes>&) override {}
    bool is_done() const override { return true; }

  private:
    void step();
    Frames draw_message();
    Buffer draw_request();
    void spoil_with_right_checksum(Buffer& batch);
};

}  // namespace sedge::sim
