#!/bin/sh
# Resolve locks/*.in again: dev.txt for the virtual environment first, then each image's lock with the same versions, then the
# other clients' environments, which share nothing with it. The versions that matter are versions.json's; the .in files only
# name packages. What is locked already stays unless it must change: delete a .txt to have it resolved anew. Needs uv.
set -eu
command -v uv > /dev/null || { echo "lock: no uv; pip install uv" >&2; exit 2; }
cd "$(dirname "$0")/locks"
wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT
read -r python platform <<READ
$(python3 - "$wanted" <<'PYTHON'
import json, sys
versions = json.load(open("../versions.json"))
open(sys.argv[1], "w").writelines(f"{name}{which}\n" for name, which in versions["packages"].items())
print(versions["python"], versions["platform"])
PYTHON
)
READ
for name in dev torch train serve-cpu serve-torch rules build source notebook compat-cli compat-sdk-v2 compat-sdk-v3; do
    set -- --no-emit-index-url --no-header --no-annotate --generate-hashes
    [ "$name" = dev ] || set -- "$@" --python-platform "$platform"
    case $name in
        dev) set -- "$@" -c "$wanted" --universal ;;  # every Python that pyproject.toml takes, by markers
        notebook|compat-*) ;;  # environments that share nothing with ours
        *) set -- "$@" -c "$wanted" -c dev.txt ;;
    esac
    # What is built from source is named there whole; what it needs to run is in the images' locks.
    [ "$name" != source ] || set -- "$@" --no-deps
    uv pip compile -q --no-config --python-version "$python" "$name.in" -o "$name.txt" "$@"
done
