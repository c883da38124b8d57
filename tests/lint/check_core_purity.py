"""node/core is a pure state machine: no threads, clocks, files, sockets or unseeded randomness, no order by hash."""

import re

from common import Complaints, files, name_of, without_comments

BANNED_HEADERS = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch", "barrier", "stop_token",
    "atomic", "chrono", "ctime", "time.h", "random", "fstream", "filesystem", "iostream", "cstdio", "stdio.h", "unistd.h",
    "fcntl.h", "pthread.h", "zmq.h", "zmq.hpp", "lmdb.h", "spdlog/spdlog.h", "cstdlib", "stdlib.h",
}
BANNED_PREFIXES = ("sys/", "netinet/", "arpa/", "boost/", "spdlog/", "zmq", "lmdb")
BANNED_WORDS = [
    (r"\bstd::(?:jthread|thread|mutex|async|atomic\w*|condition_variable)\b", "no threads in the core"),
    (r"\bstd::chrono\b|\b(?:system|steady|high_resolution)_clock\b|\bclock_gettime\b|\bgettimeofday\b|(?<![\w.>:])time\s*\(\s*(?:nullptr|NULL|0|&)",
     "time comes in as an argument"),
    (r"\bstd::(?:random_device|mt19937\w*|\w+_distribution|shuffle|sample|default_random_engine)\b|(?<![\w.>:])s?rand\s*\(",
     "randomness comes from the core's own seeded generator"),
    (r"\bstd::(?:[io]?fstream|cout|cerr|filesystem)\b|(?<![\w.>:])f?printf\s*\(", "the core does no input or output"),
    (r"\bzmq_?\w*::|\bmdb_\w+|(?<![\w.>:])(?:socket|open|pread|pwrite|getenv|usleep|nanosleep)\s*\(",
     "the core does not touch the world"),
    (r"\bthread_local\b", "no thread-local state in the core"),
    (r"\bstd::(?:map|set)<\s*(?:const\s+)?[\w:]+\s*\*", "no order by pointer"),
    (r"\bstd::hash<\s*[\w:]+\s*\*", "no order by pointer"),
]
UNORDERED = re.compile(r"\bstd::unordered_(?:multi)?(?:map|set)\s*<")


def declared_unordered(code):
    """Names of variables and members whose type is an unordered container; aliases of such types count too."""
    names, aliases = set(), set()
    for match in UNORDERED.finditer(code):
        alias = re.search(r"\busing\s+(\w+)\s*=\s*$", code[max(0, match.start() - 80):match.start()])
        if alias:
            aliases.add(alias.group(1))
        depth, at = 1, match.end()
        while at < len(code) and depth:
            depth += {"<": 1, ">": -1}.get(code[at], 0)
            at += 1
        variable = re.match(r"[\s&]*(\w+)\s*(?:[;={]|$)", code[at:])
        if variable and not alias:
            names.add(variable.group(1))
    for alias in aliases:
        names.update(re.findall(rf"\b{alias}\b[\s&]+(\w+)\s*[;={{]", code))
    return names


def main():
    complaints, checked = Complaints(), 0
    sources = [path for path in files(".h", ".cc") if name_of(path).startswith("node/core/")]
    codes = {path: without_comments(path.read_text()) for path in sources}
    # A member is declared in the header and iterated in the source of the same name: its trailing underscore makes it a member.
    for path, code in codes.items():
        checked += 1
        unordered = declared_unordered(code)
        header = path.with_suffix(".h")
        if header in codes:
            unordered |= declared_unordered(codes[header])
        for number, line in enumerate(without_comments(path.read_text(), keep_strings=True).splitlines(), 1):
            include = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if include and (include.group(1) in BANNED_HEADERS or include.group(1).startswith(BANNED_PREFIXES)):
                complaints.add(path, number, f"<{include.group(1)}> does not belong in the core")
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, why in BANNED_WORDS:
                if re.search(pattern, line):
                    complaints.add(path, number, why)
            loop = re.search(r"\bfor\s*\([^;:]*[^:]:\s*(?:\w+(?:\.|->))*(\w+)\s*\)", line)
            begin = re.search(r"\b(\w+)\.c?begin\s*\(", line)
            for found in (loop, begin):
                if found and found.group(1) in unordered:
                    complaints.add(path, number, f"iterates {found.group(1)}, whose order is no part of the state")
    complaints.exit(f"{checked} files")


main()
