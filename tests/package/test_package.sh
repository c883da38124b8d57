#!/usr/bin/env bash
# Installs the client of a build into a scratch folder, then builds and runs a program against it, once by CMake and once by pkg-config.
# Arguments: the build folder, the C++ compiler.
set -euo pipefail
build=$1
compiler=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --component client --prefix "$scratch/installed" > /dev/null
mkdir "$scratch/app"
cp "$here/hello.cc" "$scratch/app/"
cp "$here/app.cmake.txt" "$scratch/app/CMakeLists.txt"
cmake -S "$scratch/app" -B "$scratch/by_cmake" -DCMAKE_PREFIX_PATH="$scratch/installed" -DCMAKE_CXX_COMPILER="$compiler" > /dev/null
cmake --build "$scratch/by_cmake" > /dev/null
"$scratch/by_cmake/hello"

pc_dir=$(dirname "$(find "$scratch/installed" -name sedge.pc)")
# shellcheck disable=SC2046  # the flags are words
flags=$(PKG_CONFIG_PATH="$pc_dir" pkg-config --define-variable=prefix="$scratch/installed" --cflags --libs sedge)
# shellcheck disable=SC2086
"$compiler" -std=c++20 "$scratch/app/hello.cc" $flags -o "$scratch/by_pkg_config"
"$scratch/by_pkg_config"
