#!/bin/sh
# The virtual environment of a checkout, from locks/dev.txt: on a machine that can run what is in it, with room for it, and a
# Python that pyproject.toml takes. Whatever is missing is one line, before anything is fetched. Needs a C compiler.
# usage: venv.sh FOLDER [PYTHON]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$1 chosen=${2-}
ROOM_GB=7
say() { echo "setup: $*" >&2; exit 2; }

system=$(uname -s) machine=$(uname -m)
[ "$system" = Linux ] || say "Kennel runs on Linux (x86-64) and in WSL2, and this is $system; a virtual machine or a container with Linux will do"
case $(uname -r) in *-Microsoft) say "this is WSL 1, which Kennel does not run in; wsl --set-version DISTRIBUTION 2 makes it WSL 2" ;; esac
[ "$machine" = x86_64 ] || say "Kennel runs on x86-64 processors, and this is $machine, for which some of its packages are not made"
libc=$(getconf GNU_LIBC_VERSION 2> /dev/null) || say "Kennel needs Linux with glibc 2.28 or later; on this one no getconf tells of any (Alpine has another C library)"
expr "${libc#glibc }" : '2\.\([0-9]*\)' '>=' 28 > /dev/null || say "Kennel needs glibc 2.28 or later, and this is $libc; a newer distribution has one"
mkdir -p "$venv"
free=$(df -Pk "$venv" | awk 'NR == 2 {print int($4 / 1000000)}')
[ "$free" -ge $ROOM_GB ] || say "$free GB are free in $(cd "$venv" && pwd), and about $ROOM_GB GB are needed; make room, or clone to another disk"
command -v gcc > /dev/null || say "no gcc, which a few packages are built with; install it (Debian, Ubuntu: apt-get install gcc libc6-dev)"

# The oldest that is taken goes first: the images have it. The last number is the first that is not taken.
range=$(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$/\1 \2/p' "$root/pyproject.toml")
first=${range% *} beyond=${range#* }
names=$chosen minor=$first
while [ -z "$chosen" ] && [ "$minor" -lt "$beyond" ]; do names="$names python3.$minor" minor=$((minor + 1)); done
[ -n "$chosen" ] || names="$names python3 python"
check='import os, sys, sysconfig
if not (3, int(sys.argv[1])) <= sys.version_info[:2] < (3, int(sys.argv[2])): sys.exit("is %d.%d.%d" % sys.version_info[:3])
try: import ensurepip, venv
except ImportError: sys.exit("has no venv; Debian, Ubuntu: apt-get install python3-venv")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")): sys.exit("has no headers; Debian, Ubuntu: apt-get install python3-dev")'
python='' looked=''
for name in $names; do
    if ! path=$(command -v "$name"); then why="not found"
    elif why=$("$path" -c "$check" "$first" "$beyond" 2>&1); then python=$path; break
    else why=$(echo "$why" | tail -n 1 | cut -c 1-80); fi
    looked="$looked${looked:+; }$name ($why)"
done
[ -n "$python" ] || say "no Python of 3.$first to 3.$((beyond - 1)) with venv and headers; looked for $looked. Install one, or give it: make PYTHON=path"

echo "setting up $venv with $python: about 5 GB, one to three minutes"
"$python" -m venv "$venv"
if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    # smdebug wants pyinstrument 3, whose C extension calls a function by a name that newer Pythons lack; the new name does the same.
    export CFLAGS="${CFLAGS-} -DPyEval_CallObject=PyObject_CallObject"
    "$venv/bin/pip" cache remove -q pyinstrument_cext > /dev/null 2>&1 || true  # one that was built without
fi
"$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$root/docker/locks/dev.txt"
"$venv/bin/pip" install --disable-pip-version-check --no-deps --no-build-isolation -e "$root" > "$venv/setup.log" 2>&1 || { cat "$venv/setup.log" >&2; exit 1; }
touch "$venv/.ready"
