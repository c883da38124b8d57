"""Tests wait for conditions, never for time."""

import re

from common import Complaints, files, name_of, without_comments

SLEEPS = {
    (".cc", ".h"): r"\bsleep_(?:for|until)\b|\b(?:u|nano)?sleep\s*\(",
    (".py",): r"\btime\.sleep\b|\bfrom time import\b.*\bsleep\b|\basyncio\.sleep\b",
    (".sh", ""): r"(?:^|[;&|]|\bdo\b|\bthen\b)\s*sleep\s+[0-9$]",
}

# Not a test but a client, which pauses before it sends again, as PROTOCOL.md section 7 asks of clients.
CLIENT = "tests/python/independent_producer.py"


def main():
    complaints, checked = Complaints(), 0
    for path in files(under=("tests",)):
        for suffixes, pattern in SLEEPS.items():
            if path.suffix not in suffixes or name_of(path).startswith("tests/lint/") or name_of(path) == CLIENT:
                continue
            checked += 1
            text = path.read_text(errors="replace")
            if path.suffix in (".cc", ".h"):
                text = without_comments(text)
            for number, line in enumerate(text.splitlines(), 1):
                if re.search(pattern, line):
                    complaints.add(path, number, "a test that sleeps: wait for a condition with a deadline")
    complaints.exit(f"{checked} files")


main()
