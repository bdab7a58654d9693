#!/bin/sh
# pip as the stages of the Dockerfile call it: only what a lock has a hash of, with the person's pip settings and
# certificate authority where they gave them (as secrets: no layer holds them), and a cache that stays outside.
# usage: install.sh tools|wheels|packages
set -eu
kit=/run/kit
# The same locks give the same bytes, times included, so a layer of gigabytes that is built again is not pushed again.
export SOURCE_DATE_EPOCH=315619200 CFLAGS=-g0
began=$(mktemp)
export PIP_CACHE_DIR=$kit/cache PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 PIP_REQUIRE_HASHES=1
[ ! -f /run/secrets/pip ] || export PIP_CONFIG_FILE=/run/secrets/pip
[ ! -f /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca
pip="$kit/tools/bin/python -m pip"
case $1 in
    tools)
        python3 -m venv $kit/tools
        $pip install --quiet -r $kit/lock.txt
        ;;
    wheels) $pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $kit/wheels -r $kit/lock.txt ;;
    packages)
        pip="$pip --python /opt/venv/bin/python install --quiet --no-compile"
        # Built in another stage, out of archives whose hashes a lock holds; pip finds them installed below.
        for wheel in $kit/wheels/*.whl; do
            name=$(basename "$wheel" | sed 's/-.*//; s/_/-/g')
            ! grep -q "^$name==" $kit/lock.txt || PIP_REQUIRE_HASHES=0 $pip --no-index --no-deps "$wheel"
        done
        $pip -r $kit/lock.txt
        # Tests of the packages stay out, but for those that numpy.testing itself imports, and so does what a linker reads.
        find /opt/venv/lib -type d -name tests ! -path '*/numpy/_core/tests' -prune -exec rm -r {} +
        find /opt/venv/lib -name '*.a' -delete
        # Compiled once and here, as a container's root may be read-only; what an earlier layer compiled is left alone.
        /opt/venv/bin/python - <<'PYTHON'
from compileall import compile_file
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

todo = [str(path) for path in Path("/opt/venv/lib").rglob("*.py") if not Path(cache_from_source(str(path))).exists()]
compiled = partial(compile_file, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
with ProcessPoolExecutor() as pool:
    list(pool.map(compiled, todo, chunksize=16))
PYTHON
        ;;
esac
find /opt /tmp -newer "$began" -exec touch --no-dereference --date=1980-01-02 {} +
rm "$began"; touch --date=1980-01-02 /tmp
