#include "node/io/event_loop.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/response.h"
#include "tests/unit/io/memory_journal.h"
#include "tests/unit/io/zmq_peer.h"

using namespace sedge;
using namespace sedge::node;

namespace {

// A whole node on a thread of its own, its disk in memory.
class RunningNode {
  public:
    explicit RunningNode(BrokerOptions options = {}, bool held = false, EventLoopOptions loop_options = {}) : broker_(std::move(options)) {
        FrontDoorOptions front;
        front.listen = {"127.0.0.1", 0};
        front.linger_ms = 0;
        auto opened = FrontDoor::open(front);
        REQUIRE(opened.ok());
        door_ = std::move(opened).value();
        journal_.hold(held);
        broker_.start(clock_.now(), {true, false});
        EventLoopHooks hooks;
        hooks.ready = [this] { ready_.set_value(); };
        hooks.stopping = [this] { stopping_.set_value(); };
        loop_ = std::make_unique<EventLoop>(loop_options, hooks, broker_, journal_, *door_, waker_, clock_, nullptr);
        ended_ = std::async(std::launch::async, [this] { return loop_->run(); });
    }
    ~RunningNode() {
        journal_.hold(false);
        loop_->request_stop();
        if (ended_.valid()) ended_.get();
    }

    bool wait_until_ready() { return ready_.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready; }
    bool stop_and_wait_until_it_stops() {
        loop_->request_stop();
        return stopping_.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    }
    bool has_ended() { return ended_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
    bool wait_for_end() { return ended_.get(); }
    MemoryJournal& journal() { return journal_; }
    const HostPort& address() const { return door_->address(); }

  private:
    Broker broker_;
    Waker waker_;
    WallClock clock_{true};
    MemoryJournal journal_{waker_};
    std::unique_ptr<FrontDoor> door_;
    std::unique_ptr<EventLoop> loop_;
    std::promise<void> ready_, stopping_;
    std::future<bool> ended_;
};

std::string encoded(std::uint64_t id, const RequestBody& request) {
    Buffer buffer;
    encode_request(id, request, buffer);
    return std::string(as_text(buffer));
}

struct Client : ZmqPeer {
    using ZmqPeer::ZmqPeer;
    void ask(std::uint64_t id, const RequestBody& request) { send({encoded(id, request)}); }
    // The next answer, to `request`.
    Response answer_to(const RequestBody& request) {
        frames = receive();
        REQUIRE_FALSE(frames.empty());
        auto response = decode_response(as_bytes(frames[0]), request.index());
        REQUIRE(response.ok());
        return std::move(response).value();
    }
    Response call(std::uint64_t id, const RequestBody& request) {
        ask(id, request);
        return answer_to(request);
    }
    void create_topic() { REQUIRE(std::holds_alternative<TopicResponse>(call(1, create("t")).body)); }
    static CreateTopicRequest create(std::string_view name) {
        CreateTopicRequest request;
        request.topic = name;
        return request;
    }
    std::vector<std::string> frames;
};

ProduceRequest plain(std::string_view value, bool merge = false) {
    ProduceRequest request;
    request.topic = "t";
    request.partition = PartitionIndex{0};
    request.value = as_bytes(value);
    request.merge_answers = merge;
    return request;
}

std::string batch_of(std::size_t value_bytes) {
    BatchBuilder builder;
    const std::string value(value_bytes, 'v');
    builder.add(1, std::nullopt, as_bytes(value));
    return std::string(as_text(builder.finish()));
}

FetchRequest fetch_from(std::uint64_t offset) {
    FetchRequest request;
    request.topic = "t";
    request.offset = Offset{offset};
    return request;
}

}  // namespace

TEST_CASE("the node is ready once its first write is stored", "[event_loop]") {
    RunningNode node({}, true);
    Client client(node.address());
    CHECK(std::holds_alternative<HelloResponse>(client.call(1, HelloRequest{}).body));
    node.journal().hold(false);
    CHECK(node.wait_until_ready());
}

TEST_CASE("an answer to produce waits for the disk, others do not", "[event_loop]") {
    RunningNode node;
    Client client(node.address());
    client.create_topic();
    node.journal().hold(true);
    client.ask(7, plain("value"));
    CHECK(client.call(8, HelloRequest{}).correlation_id == 8);
    node.journal().hold(false);
    const auto answer = client.answer_to(plain(""));
    CHECK(answer.correlation_id == 7);
    REQUIRE(std::holds_alternative<ProduceResponse>(answer.body));
    CHECK(std::get<ProduceResponse>(answer.body).offset == Offset{0});
}

TEST_CASE("one request at a time is committed on the loop's thread", "[event_loop]") {
    RunningNode node;
    Client client(node.address());
    client.create_topic();
    const auto before = node.journal().inline_commits();
    for (std::uint64_t id = 10; id < 20; ++id) CHECK(client.call(id, plain("value")).correlation_id == id);
    CHECK(node.journal().inline_commits() == before + 10);
}

TEST_CASE("many small requests share writes and answers", "[event_loop]") {
    RunningNode node;
    Client client(node.address());
    client.create_topic();
    node.journal().allow_inline(false);
    constexpr std::uint64_t kRequests = 5'000;
    for (std::uint64_t id = 0; id < kRequests; ++id) client.ask(id, plain("value", true));
    std::uint64_t next = 0;
    while (next < kRequests) {
        const auto answer = client.answer_to(plain(""));
        REQUIRE(std::holds_alternative<ProduceResponse>(answer.body));
        const auto& done = std::get<ProduceResponse>(answer.body);
        REQUIRE(answer.correlation_id == next);
        REQUIRE(done.offset == Offset{next});
        next += done.count;
    }
    CHECK(node.journal().writes() < kRequests);
}

TEST_CASE("batches come back as they were sent, from memory and from the journal", "[event_loop]") {
    for (const bool cold : {false, true}) {
        BrokerOptions options;
        if (cold) options.recent_bytes = 0;
        RunningNode node(options);
        Client client(node.address());
        client.create_topic();
        for (const std::size_t size : {10u, 5'000u, 500'000u}) {
            auto request = plain("");
            request.value.reset();
            const std::string batch = batch_of(size);
            client.send({encoded(1, request), batch});
            const auto produced = client.answer_to(request);
            REQUIRE(std::holds_alternative<ProduceResponse>(produced.body));
            const auto offset = std::get<ProduceResponse>(produced.body).offset;
            const auto fetched = client.call(2, fetch_from(offset.value));
            REQUIRE(std::holds_alternative<FetchResponse>(fetched.body));
            REQUIRE(client.frames.size() == 2);
            CHECK(client.frames[1].substr(kBatchHeaderBytes) == batch.substr(kBatchHeaderBytes));
            CHECK(check_appended_batch(as_bytes(client.frames[1])).ok());
        }
        CHECK((node.journal().reads() > 0) == cold);
    }
}

TEST_CASE("a client that never reads does not hinder another", "[event_loop]") {
    RunningNode node;
    Client good(node.address());
    good.create_topic();
    auto request = plain("");
    request.value.reset();
    good.send({encoded(1, request), batch_of(500'000)});
    REQUIRE(std::holds_alternative<ProduceResponse>(good.answer_to(request).body));

    Client hog(node.address());
    for (std::uint64_t id = 0; id < 2'000; ++id) hog.ask(id, fetch_from(0));
    for (std::uint64_t id = 0; id < 50'000; ++id) hog.ask(id, HelloRequest{});
    for (std::uint64_t id = 10; id < 60; ++id) {
        CHECK(good.call(id, plain("value")).correlation_id == id);
        CHECK(std::holds_alternative<FetchResponse>(good.call(id, fetch_from(0)).body));
    }
}

TEST_CASE("with memory used up the node reads on and refuses, rather than let requests pile up", "[event_loop]") {
    BrokerOptions options;
    options.max_unsynced_bytes = 1u << 20;
    EventLoopOptions loop;
    loop.max_anonymous_bytes = 1;  // always used up
    RunningNode node(options, false, loop);
    Client client(node.address());
    client.create_topic();
    node.journal().hold(true);
    auto request = plain("");
    request.value.reset();
    const std::string batch = batch_of(100'000);
    constexpr std::uint64_t kRequests = 40;
    for (std::uint64_t id = 0; id < kRequests; ++id) client.send({encoded(id, request), batch});
    // Nothing is stored yet, so these are the refused ones.
    const auto refused = client.answer_to(request);
    REQUIRE(std::holds_alternative<ErrorResponse>(refused.body));
    CHECK(std::get<ErrorResponse>(refused.body).status.code == ErrorCode::busy);
    CHECK(refused.correlation_id > 10);
    node.journal().hold(false);
    for (std::uint64_t i = 1; i < kRequests; ++i) client.answer_to(request);
}

TEST_CASE("a stop refuses new records, stores what was accepted, and answers it", "[event_loop]") {
    RunningNode node;
    Client client(node.address());
    client.create_topic();
    node.journal().hold(true);
    const auto before = node.journal().writes();
    client.ask(5, plain("value"));
    REQUIRE(node.journal().wait_for_write(before + 1));
    REQUIRE(node.stop_and_wait_until_it_stops());
    // It still talks, and no longer takes.
    const auto late = client.call(6, plain("late"));
    REQUIRE(std::holds_alternative<ErrorResponse>(late.body));
    CHECK(std::get<ErrorResponse>(late.body).status.code == ErrorCode::shutting_down);
    CHECK_FALSE(node.has_ended());
    node.journal().hold(false);
    CHECK(client.answer_to(plain("")).correlation_id == 5);
    CHECK(node.wait_for_end());
}
