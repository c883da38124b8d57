"""The command line as users run it."""

import json
import os
import subprocess

from .node import BIN, PATIENCE_S


class Sedge:
    def __init__(self, *nodes, timeout=None):
        self.nodes = ",".join(node.address for node in nodes)
        self.timeout = timeout or f"{PATIENCE_S}s"

    def command(self, *words):
        return [str(BIN / "sedge"), "-n", self.nodes, "--timeout", self.timeout, *map(str, words)]

    def run(self, *words, stdin=b"", ok=True):
        """Runs one command to its end; checks that it succeeded unless ok=False. stdin: bytes, or an open file."""
        given = {"stdin": stdin} if hasattr(stdin, "fileno") else {"input": stdin}
        done = subprocess.run(self.command(*words), capture_output=True, timeout=PATIENCE_S * 2, env=self._environment(),
                              check=False, **given)
        if ok:
            assert done.returncode == 0, f"sedge {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr.decode()}"
        return done

    def json(self, *words):
        return json.loads(self.run("--json", *words).stdout)

    def lines(self, *words):
        return self.run(*words).stdout.decode().splitlines()

    def spawn(self, *words, **pipes):
        return subprocess.Popen(self.command(*words), env=self._environment(), **pipes)

    @staticmethod
    def _environment():
        return {key: value for key, value in os.environ.items() if not key.startswith("SEDGE_")}
