"""Scripts parse, are executable, and stop at the first error."""

import subprocess

from common import Complaints, files


def main():
    complaints, checked = Complaints(), 0
    for path in files(under=None):
        if path.suffix == ".py":
            checked += 1
            try:
                compile(path.read_text(), str(path), "exec")
            except SyntaxError as error:
                complaints.add(path, error.lineno or 1, str(error))
            continue
        head = path.read_bytes()[:64]
        if not head.startswith(b"#!") or b"bash" not in head.splitlines()[0]:
            continue
        checked += 1
        parsed = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
        if parsed.returncode:
            complaints.add(path, 1, parsed.stderr.strip())
        if not path.stat().st_mode & 0o100:
            complaints.add(path, 1, "not executable")
        text = path.read_text()
        if "set -e" not in text and "\nexec " not in text:
            complaints.add(path, 1, "lacks set -euo pipefail")
    complaints.exit(f"{checked} scripts")


main()
