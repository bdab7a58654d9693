"""Where the profile goes, from a file that anything may be in."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.layout import Layout
from train.profiling import profile_settings


def read(base: Path, body: Any) -> profile_settings.ProfileSettings:
    layout = Layout(base)
    layout.config.mkdir(parents=True, exist_ok=True)
    layout.profiler_config.write_text(body if isinstance(body, str) else json.dumps(body))
    return profile_settings.read(layout)


def test_without_the_platforms_profiler_everything_goes_to_output_data(tmp_path: Path) -> None:
    own = tmp_path / "output" / "data" / "profiler"
    expected = profile_settings.ProfileSettings(samples=own, timeline=own)
    assert profile_settings.read(Layout(tmp_path)) == expected
    assert expected.interval == 0.5 and expected.rotate_seconds == 60
    assert read(tmp_path, {"DisableProfiler": True, "S3OutputPath": "s3://b/p"}) == expected


def test_with_it_the_timeline_goes_with_the_platforms_files_and_the_samples_beside_them(tmp_path: Path) -> None:
    parameters = {"LocalPath": "/opt/ml/output/Elsewhere", "RotateFileCloseIntervalInSeconds": "5"}
    found = read(tmp_path, {"ProfilingIntervalInMilliseconds": 100, "ProfilingParameters": parameters})
    assert found.timeline == tmp_path / "output" / "Elsewhere", "remapped, and in its own case"
    assert found.samples == found.timeline / "train"
    assert (found.interval, found.rotate_seconds, found.rotate_bytes) == (0.1, 5, 10 << 20)
    assert read(tmp_path, {"S3OutputPath": "s3://b/p"}).timeline == tmp_path / "output" / "profiler"


@pytest.mark.parametrize(
    "body",
    [
        "nonsense",
        "[1]",
        "[" * 100_000,
        {"ProfilingParameters": [], "ProfilingIntervalInMilliseconds": "often"},
        {"ProfilingParameters": {"LocalPath": 7, "RotateMaxFileSizeInBytes": "-1"}, "ProfilingIntervalInMilliseconds": 7},
        {"ProfilingParameters": {"RotateFileCloseIntervalInSeconds": "1e999"}, "ProfilingIntervalInMilliseconds": None},
    ],
    ids=["text", "list", "deep", "kinds", "values", "infinite"],
)
def test_what_cannot_be_understood_has_its_default(tmp_path: Path, body: Any) -> None:
    found = read(tmp_path, body)
    assert (found.interval, found.rotate_seconds, found.rotate_bytes) == (0.5, 60, 10 << 20)
    assert found.timeline in (tmp_path / "output" / "profiler", tmp_path / "output" / "data" / "profiler")
