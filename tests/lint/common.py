"""What the checks share: the tracked files, C++ without its comments, and how complaints are printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("schema", "node", "client", "scripts", "tests", ".ci")


def files(*suffixes, under=PARTS):
    """Our files: those of git, with new ones that are not ignored; without git, those in our folders."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                                capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for part in PARTS for path in (ROOT / part).rglob("*")]
        listed += [path.name for path in ROOT.iterdir()]
    for name in sorted(set(listed)):
        path = ROOT / name
        inside = under is None or name.split("/")[0] in under
        if name and inside and path.is_file() and (not suffixes or path.suffix in suffixes):
            yield path


def name_of(path):
    return str(path.relative_to(ROOT))


TOKENS = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", re.DOTALL)


def without_comments(text, keep_strings=False):
    """C++ with comments blanked and the contents of strings removed; line numbers stay."""
    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return "\n" * token.count("\n")
        return token if keep_strings else token[0] + token[-1]
    return TOKENS.sub(blank, text)


class Complaints:
    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        print(f"{name_of(path)}:{line}: {text}")
        self.count += 1

    def exit(self, checked):
        print(f"{checked} checked, {self.count} complaints")
        sys.exit(1 if self.count else 0)
