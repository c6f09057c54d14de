#!/bin/bash
# Make or refresh an environment with whet in it (editable), and leave a stamp when that worked.
#
#   tools/make_venv.sh PYTHON DIR GROUP...
#
# Uses uv where it is present, else the environment's own pip. GROUP names dependency groups of
# pyproject.toml. Nothing but Python, a C++ compiler and PyPI is needed: cmake and ninja are packages.
# Each environment has a build folder of its own, so that compilers and Pythons never mix.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1 dir=$2
shift 2
groups=()
for group in "$@"; do groups+=(--group "$group"); done

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "make_venv: $python is older than 3.11; name another with PYTHON=python3.12" >&2
    exit 2
}
# A stamp belongs to one interpreter: an environment of a Python that is gone is made anew.
"$dir/bin/python" -c '' 2>/dev/null || rm -rf "$dir"

if command -v uv >/dev/null; then
    [ -d "$dir" ] || uv venv --quiet --seed --python "$python" "$dir"
    install=(uv pip install --quiet --python "$dir/bin/python")
else
    [ -d "$dir" ] || "$python" -m venv "$dir"
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
    install=("$dir/bin/python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore)
fi

# The environment's own cmake and ninja come first, whatever the machine has.
export PATH="$PWD/$dir/bin:$PATH" SKBUILD_BUILD_DIR="build/$(basename "${dir#.}")"
"${install[@]}" --group build
"${install[@]}" --no-build-isolation "${groups[@]}" --editable .
touch "$dir/.whet-stamp"
