"""What of a transform job outlives the server. Of local_sagemaker.transform.progress."""

from pathlib import Path

from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.transform.input_objects import InputObject
from local_sagemaker.transform.progress import Progress


def test_objects_and_what_became_of_them_are_read_back(tmp_path: Path) -> None:
    progress = Progress(UntrustedFolder(tmp_path / "job"))
    assert not progress.is_planned()
    objects = [InputObject("bucket", "in/Löwe\n1", "out/Löwe\n1.out"), InputObject("bucket", "in/b", "out/b.out")]
    progress.plan(objects)
    assert progress.is_planned() and progress.objects() == objects and progress.done() == {}
    progress.note("in/Löwe\n1")
    progress.note("in/b", "ClientError: no")
    assert progress.done() == {"in/Löwe\n1": "", "in/b": "ClientError: no"}


def test_a_plan_that_was_begun_counts_for_nothing_and_half_a_line_neither(tmp_path: Path) -> None:
    progress = Progress(UntrustedFolder(tmp_path / "job"))
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "objects.part").write_text('["in/a"')
    assert not progress.is_planned()
    progress.plan([InputObject("bucket", "in/a", "a"), InputObject("bucket", "in/b", "b")])
    progress.note("in/a")
    with (tmp_path / "job" / "done").open("ab") as file:
        file.write(b'\n["in/b", "Clie')
    assert progress.done() == {"in/a": ""}
    progress.note("in/b", "ClientError: no")
    assert progress.done() == {"in/a": "", "in/b": "ClientError: no"}, "what follows half a line is a line of its own"
