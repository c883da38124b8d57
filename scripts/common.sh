# What the scripts share. Sourced, not run: the caller has set -euo pipefail.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# The system's own python: it is the one that Debian's packages belong to, whatever comes first on PATH.
python=/usr/bin/python3

# Names, for a person who waits, what is being done.
say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

jobs="$(nproc 2>/dev/null || echo 2)"

# configure PRESET [options]: makes the build directory of that preset.
# Debian's ninja is named outright: another one that comes first on PATH may be a broken wrapper.
configure() {
    local preset="$1"; shift
    local ninja=/usr/bin/ninja
    [ -x "$ninja" ] || ninja="$(command -v ninja)" || die "ninja is missing: run scripts/setup"
    local options=("-DCMAKE_MAKE_PROGRAM=$ninja")
    if command -v ccache >/dev/null; then
        options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
        export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1
    fi
    (cd "$root" && cmake --preset "$preset" "${options[@]}" "$@" >"$(build_log "$preset" configure)" 2>&1) || {
        cat "$(build_log "$preset" configure)" >&2
        return 1
    }
}

# build PRESET [targets]: builds them, or everything. The output is shown only if it fails.
build() {
    local preset="$1"; shift
    local log; log="$(build_log "$preset" build)"
    local targets=()
    [ $# -eq 0 ] || targets=(--target "$@")
    (cd "$root" && cmake --build --preset "$preset" -j "$jobs" "${targets[@]}" >"$log" 2>&1) || {
        # Errors first: with several jobs they are not at the end.
        grep -n -E -A12 'error:|FAILED|undefined reference|ninja:' "$log" | head -n 150 >&2 || true
        tail -n 30 "$log" >&2
        return 1
    }
}

build_log() { mkdir -p "$root/build/log"; echo "$root/build/log/$1.$2"; }
