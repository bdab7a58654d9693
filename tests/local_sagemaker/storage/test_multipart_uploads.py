"""An upload that another request has dropped between two steps of this one: each step says so, and keeps nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_sagemaker.errors import AwsError
from local_sagemaker.storage import multipart_uploads
from local_sagemaker.storage.multipart_uploads import Part, Upload
from local_sagemaker.storage.object_info import About
from local_sagemaker.storage.objects import Objects


@pytest.fixture()
def objects(tmp_path: Path) -> Iterator[Objects]:
    made = Objects(tmp_path)
    made.create_bucket("bucket")
    yield made
    made.close()


def add(objects: Objects, upload: Upload, number: int = 1) -> Part:
    with objects.blobs.new() as writer:
        writer.write(b"part")
        return multipart_uploads.add_part(objects, upload, number, writer, {})


def complete(objects: Objects, upload: Upload) -> object:
    wanted = [{"PartNumber": 1, "ETag": "841b9c4a8dcb9a4d3d8d9d0a0d5f6a4e"}]
    return multipart_uploads.complete(objects, upload, wanted, lambda old: None, {})


@pytest.mark.parametrize("step", [add, complete, multipart_uploads.parts, multipart_uploads.abort])
def test_every_step_after_it_was_dropped_says_so(
    tmp_path: Path, objects: Objects, step: Callable[[Objects, Upload], object]
) -> None:
    upload = multipart_uploads.find(objects, "bucket", "key", multipart_uploads.create(objects, "bucket", "key", About(), ""))
    assert add(objects, upload).number == 1 and list(multipart_uploads.parts(objects, upload)) == [1]
    multipart_uploads.abort(objects, upload)
    with pytest.raises(AwsError) as error:
        step(objects, upload)
    assert error.value.code == "NoSuchUpload"
    assert not [path for path in tmp_path.glob("objects/blobs/**/*") if path.is_file()], "nothing is kept"
