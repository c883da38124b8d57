"""check_core_symbols.py LIBRARY: what the built core needs from outside is memory and arithmetic, nothing of the world."""

import re
import subprocess
import sys

FORBIDDEN = re.compile(r"^(pthread_|zmq_|mdb_|sem_|clock_|gettimeofday|time$|nanosleep|usleep|sleep$|poll$|epoll_|select$"
                       r"|open$|open64|fopen|read$|write$|pread|pwrite|fsync|fdatasync|socket$|bind$|connect$|send|recv"
                       r"|getenv|secure_getenv|getrandom|getentropy|rand$|srand$|random$|system$|fork$|execv)"
                       r"|std::chrono::_V2|std::random_device|std::basic_[io]?f?stream|std::thread|std::condition_variable"
                       r"|std::filesystem")


def main():
    listing = subprocess.run(["nm", "--undefined-only", "--demangle", sys.argv[1]], check=True, capture_output=True, text=True)
    symbols = {line.split(" U ", 1)[1].strip() for line in listing.stdout.splitlines() if " U " in line}
    # Sanitized and hardened builds call their own runtimes.
    bad = sorted(symbol for symbol in symbols if FORBIDDEN.search(symbol))
    for symbol in bad:
        print(f"the core calls {symbol}")
    print(f"{len(symbols)} outside symbols checked, {len(bad)} complaints")
    sys.exit(1 if bad else 0)


main()
