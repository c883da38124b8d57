"""A mounted powerfs (see powerfs.cc): a disk that loses what was not synced, on command."""

import os
import subprocess
import tempfile
from pathlib import Path

from .node import PATIENCE_S, wait_until

BINARY = Path(os.environ.get("SEDGE_POWERFS", ""))


def powerfs_missing():
    """Why powerfs cannot be used here, or None."""
    if not os.environ.get("SEDGE_POWERFS"):
        return "powerfs was not built (libfuse3-dev is missing)"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is missing or closed to this user"
    return None


class PowerFs:
    def __init__(self, backing):
        self.backing = Path(backing)
        self.backing.mkdir(exist_ok=True)
        self.mountpoint = Path(tempfile.mkdtemp(prefix="sedge-powerfs-"))
        self.process = None

    def mount(self):
        self.process = subprocess.Popen([str(BINARY), str(self.backing), str(self.mountpoint)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        assert line == "mounted", f"powerfs: {line!r}"
        wait_until(lambda: os.path.ismount(self.mountpoint), "the mount of powerfs")
        return self

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer and not answer.startswith("error"), f"powerfs {text}: {answer}"
        return {key: int(value) for key, value in (word.split("=") for word in answer.split() if "=" in word)}

    def stats(self):
        return self.command("stats")

    def fail_sync(self, count):
        return self.command(f"fail_sync {count}")

    def kill_at(self, what, count, pid):
        """SIGKILL to `pid` inside the count-th "write" or "sync" from now on."""
        return self.command(f"kill_at {what} {count} {pid}")

    def cut(self, mode, seed):
        """The power goes; mounts again what is left. Whoever used the mount must have ended."""
        report = self.command(f"cut {mode} {seed}")
        self.unmount()
        self.mount()
        return report

    def unmount(self):
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            subprocess.run(["umount", "-l", str(self.mountpoint)], check=False)
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.process = None

    def clean_up(self):
        try:
            self.unmount()
        finally:
            if os.path.ismount(self.mountpoint):
                subprocess.run(["umount", "-l", str(self.mountpoint)], check=False)
            os.rmdir(self.mountpoint)
