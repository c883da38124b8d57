"""A node starts, says that it is ready, serves, leaves cleanly, and comes back with everything."""

import signal
import socket

from harness import Client, Sedge


def test_ready_line_names_node_and_address(node):
    assert node.ready_line.startswith("ready node=")
    assert f"clients=tcp://{node.address}" in node.ready_line


def test_sigterm_leaves_cleanly_and_everything_is_there_afterwards(node):
    with Client(node) as client:
        client.create_topic("diary", partitions=2)
        for day in range(10):
            client.produce("diary", f"day {day}".encode(), key=b"k", partition=day % 2)
    assert node.stop() == 0
    node.start()
    with Client(node) as client:
        assert client.fetch_all("diary", 0) == [(n, b"k", f"day {2 * n}".encode()) for n in range(5)]
        assert client.fetch_all("diary", 1) == [(n, b"k", f"day {2 * n + 1}".encode()) for n in range(5)]
        assert client.produce("diary", b"day 10", partition=0) == (0, 5)


def test_sigint_leaves_cleanly_too(node):
    node.process.send_signal(signal.SIGINT)
    assert node.wait_end() == 0


def test_second_daemon_on_the_same_data_is_refused(node, new_node):
    second = new_node("second", data=node.data)
    refused = second.run_to_end()
    assert refused.returncode != 0
    assert "ready" not in refused.stdout
    assert str(node.data) in refused.stderr
    with Client(node) as client:  # the first one did not notice
        client.create_topic("still_here")


def test_taken_port_is_named(new_node):
    node = new_node()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", node.port))
        taken.listen()
        refused = node.run_to_end()
    assert refused.returncode != 0
    assert str(node.port) in refused.stderr
    node.start()  # nothing was left behind that stands in the way


def test_bad_configuration_names_file_and_line(new_node, tmp_path):
    file = tmp_path / "sedge.toml"
    file.write_text("# a comment\nno_such_key = 1\n")
    refused = new_node(options=["--config", str(file)]).run_to_end()
    assert refused.returncode != 0
    assert "sedge.toml" in refused.stderr and "2" in refused.stderr and "no_such_key" in refused.stderr


def test_broken_toml_names_file_and_line(new_node, tmp_path):
    file = tmp_path / "sedge.toml"
    file.write_text("data = \n")
    refused = new_node(options=["--config", str(file)]).run_to_end()
    assert refused.returncode != 0
    assert "sedge.toml" in refused.stderr and "1" in refused.stderr


def test_check_prints_what_is_in_force_and_starts_nothing(new_node):
    node = new_node()
    checked = node.run_to_end("--check")
    assert checked.returncode == 0
    assert str(node.data) in checked.stdout
    assert not node.data.exists()


def test_unreachable_node_is_exit_code_3(new_node):
    node = new_node()  # never started
    done = Sedge(node, timeout="2s").run("topic", "list", ok=False)
    assert done.returncode in (3, 4)
    assert node.address.encode() in done.stderr
