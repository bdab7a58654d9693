"""File descriptors are shared so that what the program needs is always left."""

import subprocess
import sys

import pytest

from serve import descriptors
from serve.errors import ServeError
from tests.support.server import ROOT


@pytest.mark.parametrize("limit", [64, 100, 256, 1024, 4096, 65_536])
@pytest.mark.parametrize("workers", [1, 4])
def test_all_that_may_be_open_at_one_time_fits(limit: int, workers: int) -> None:
    found = descriptors.share(limit, workers=workers, wanted=2000)
    # Served, refused, and accepted in the turn of the loop in which that is seen.
    assert found.connections + 2 * found.backlog + 32 + 4 * workers <= limit
    assert 8 <= found.connections <= 2000 and 1 <= found.backlog <= 1024
    assert limit < 4096 or found.connections > 1900


def test_with_plenty_it_is_what_was_wanted() -> None:
    assert descriptors.share(65_536, workers=64, wanted=2000) == descriptors.Share(2000, 1024)


def test_the_least_that_the_error_names_is_enough_and_one_less_is_not() -> None:
    least = 46
    with pytest.raises(ServeError, match=f"only {least - 1} file descriptors .* for 1 workers; allow {least} or more"):
        descriptors.share(least - 1, workers=1, wanted=2000)
    assert descriptors.share(least, workers=1, wanted=2000).connections == descriptors.FEWEST_CONNECTIONS


@pytest.mark.parametrize(("soft", "hard", "raised"), [(64, 128, 128), (64, 512, 256), (300, 512, 300)])
def test_the_limit_is_raised_as_far_as_it_goes(soft: int, hard: int, raised: int) -> None:
    code = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); from serve import descriptors as d; "
    code += "print(d.raise_limit(256), *r.getrlimit(r.RLIMIT_NOFILE))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{raised} {raised} {hard}\n"
