"""The confusion matrix, and the pictures of the worst mistakes: whatever a picture is, the report is made."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from rules.reading.job_files import JobFiles, find
from rules.reading.source import Folder
from rules.report.predictions import SIDE, predictions, thumbnail, thumbnails
from tests.support import rule_jobs


def test_the_matrix_and_each_class(tmp_path: Path) -> None:
    rule_jobs.predictions(tmp_path)
    found = predictions({"predictions-test.csv": (rule_jobs.data(tmp_path) / "predictions-test.csv").read_bytes()}, [])
    assert found["matrix"] == [[1, 1, 0], [1, 0, 0], [0, 0, 1]] and found["names"] == ["Akita", "Beagle", "Corgi"]
    assert found["classes"][0] == {"name": "Akita", "pictures": 2, "recall": 0.5, "precision": 0.5}
    assert found["classes"][1]["precision"] == 0 and found["right"] == 2 and found["pictures"] == 4
    assert [row["picture"] for row in found["worst"]] == ["test/002.Beagle/c.png", "test/001.Akita/b.png"], "the surest first"


def test_predictions_of_before_there_were_probabilities_are_read() -> None:
    found = predictions({"predictions-test.csv": b"picture,class,predicted\ntest/a/1.jpg,a,b\n"}, [])
    assert found["worst"][0]["probability"] is None and found["split"] == "test"


def test_validation_where_there_is_no_test(tmp_path: Path) -> None:
    body = b"picture,class,predicted,probability\nvalidation/a/1.jpg,a,a,0.9\n"
    assert predictions({"predictions-validation.csv": body}, [])["split"] == "validation"


@pytest.mark.parametrize("body", [b"", b"picture,class,predicted\n", b"a,b\n1,2\n", b'picture,class,predicted\n"', b"\x00\x00"])
def test_no_predictions_that_can_be_read_are_said(body: bytes) -> None:
    assert "absent" in predictions({"predictions-test.csv": body}, [])


def test_only_pictures_of_the_channels_are_opened(tmp_path: Path) -> None:
    rule_jobs.pictures(tmp_path)
    (tmp_path / "input" / "secret.png").write_bytes((tmp_path / "input" / "data" / "test/001.Akita/a.png").read_bytes())
    job = find(str(rule_jobs.whole(tmp_path)))
    names = [
        "test/001.Akita/a.png",
        "../secret.png",
        "/etc/passwd",
        "test/../../secret.png",
        "test/001.Akita/none.png",
        "..\\x",
        "",
    ]
    found = thumbnails(job, names)
    assert found.pop("test/001.Akita/a.png").startswith("data:image/jpeg;base64,")
    assert not any(value.startswith("data:") for value in found.values())
    assert found["test/001.Akita/none.png"] == "the picture is not there any more"


def test_a_channel_is_read_where_the_job_had_it(tmp_path: Path) -> None:
    rule_jobs.pictures(tmp_path)
    job = JobFiles(name="j", location="", channels={"test": Folder(tmp_path / "input" / "data" / "test")})
    found = thumbnails(job, ["test/001.Akita/a.png", "train/001.Akita/a.png"])
    assert found["test/001.Akita/a.png"].startswith("data:") and found["train/001.Akita/a.png"] == "the job has no such channel"


def test_a_thumbnail_is_small_upright_and_plain() -> None:
    picture = Image.new("RGB", (4000, 1000), (200, 30, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif, comment=b"secret")
    uri = thumbnail(stream.getvalue())
    body = base64.b64decode(uri.partition(",")[2])
    small = Image.open(io.BytesIO(body))
    assert small.size == (SIDE // 4, SIDE) and len(body) < 5000 and not small.getexif() and b"secret" not in body


@pytest.mark.parametrize(
    "body", [b"", b"GIF89a", b"not a picture", b"\xff\xd8\xff\xe0" + bytes(50), b"\x89PNG\r\n\x1a\n" + bytes(60)]
)
def test_what_is_no_picture_is_said(body: bytes) -> None:
    assert thumbnail(body) == "not a picture that can be opened"


def test_odd_pictures_of_the_world_never_break_the_report(shared_data: Path) -> None:
    """Bombs are told by their pixels before one is decoded."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for folder in ("valid", "broken"):
        for path in sorted(path for path in (shared_data / "odd" / folder).rglob("*") if path.is_file()):
            found = thumbnail(path.read_bytes())
            assert found.startswith("data:image/jpeg;base64,") or len(found) < 60, path.name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000, "kB"
