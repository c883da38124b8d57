// What an application that uses the installed libsedge looks like. Built by the package test; needs no node.
#include <sedge/sedge.h>

#include <cstdio>

int main() {
    sedge::Producer producer({.nodes = {"127.0.0.1:1"}, .connect_timeout_ms = 10});
    const auto status = producer.send({.topic = "greetings", .value = sedge::as_bytes("hello")});
    std::puts(status.message.c_str());
    return status.code == sedge::ErrorCode::unreachable ? 0 : 1;
}
