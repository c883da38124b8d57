"""Which part may include which: schema nothing of ours; core schema; io core and schema; client schema, never node."""

import re

from common import Complaints, files, name_of, without_comments

# The longest matching folder decides. A file that is in none of them may include anything (tests).
ALLOWED = {
    "schema": ("schema/",),
    "node/core": ("schema/", "node/core/"),
    "node/io": ("schema/", "node/core/", "node/io/"),
    "node": ("schema/", "node/"),
    "client": ("schema/", "client/"),
}
OWN = ("schema/", "node/", "client/", "tests/")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def allowed_for(name):
    folders = [folder for folder in ALLOWED if name.startswith(folder + "/")]
    return ALLOWED[max(folders, key=len)] if folders else None


def main():
    complaints, checked = Complaints(), 0
    for path in files(".h", ".cc"):
        checked += 1
        name, allowed = name_of(path), allowed_for(name_of(path))
        text = path.read_text()
        if path.suffix == ".h" and "#pragma once" not in text:
            complaints.add(path, 1, "a header needs #pragma once")
        for number, line in enumerate(without_comments(text, keep_strings=True).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, target = match.groups()
            if bracket == '"' and not target.startswith(OWN):
                complaints.add(path, number, f'"{target}": include our files from the root, others with <>')
            if allowed is not None and target.startswith(OWN) and not target.startswith(allowed):
                complaints.add(path, number, f'{target}: this part may include only {", ".join(allowed)}')
    complaints.exit(f"{checked} files")


main()
