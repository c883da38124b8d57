"""Every file: short enough to read, plain to diff, and naming nothing of the machine that it was written on."""

import re

from common import Complaints, files

MAX_LINES = 600
CODE = (".h", ".cc", ".py", ".cmake", ".txt", ".sh", "")
# Written in pieces, so that this file does not name what it forbids.
PRIVATE = re.compile("|".join(["/wo" + r"rk/", "/tmp/" + r"wt\b", r"/root/" + r"\.", "\\.py" + "env", r"https?://[\w.-]*"
                               + r"(?:mirror|artifact|registry|proxy)[\w.-]*"]))


def main():
    complaints, checked = Complaints(), 0
    for path in files(under=None):
        checked += 1
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # data, such as a fuzz corpus
        lines = text.splitlines()
        if path.suffix in CODE and len(lines) > MAX_LINES and path.name != "LICENSE":
            complaints.add(path, len(lines), f"more than {MAX_LINES} lines: a file has one subject")
        for number, line in enumerate(lines, 1):
            if PRIVATE.search(line):
                complaints.add(path, number, "names a path or host of one machine")
            if line.startswith(("<<<<<<< ", ">>>>>>> ")):
                complaints.add(path, number, "an unresolved merge")
            if "\t" in line and path.suffix in (".h", ".cc", ".py"):
                complaints.add(path, number, "a tab")
    complaints.exit(f"{checked} files")


main()
