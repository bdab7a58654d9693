"""Row 82: two launchers write what they remember at once, or one ends between two steps: no update is lost, no half set used."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from scripts.files import state
from tests.support.local_server import LocalServer, wait_until
from tests.support.person import ROOT, Kennel, write_pictures

WRITERS, UPDATES = 6, 40


def test_no_update_of_several_commands_is_lost(tmp_path: Path) -> None:
    file = state.launched(tmp_path / ".kennel", "local")
    code = (
        "import sys; from pathlib import Path; from scripts.files.state import StateFile, remember\n"
        f"file = StateFile(Path({str(file.path)!r}))\n"
        f"for number in range({UPDATES}): remember(file, {{f'{{sys.argv[1]}}-{{number}}': number}})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, f"writer-{index}"], cwd=ROOT) for index in range(WRITERS)]
    while any(writer.poll() is None for writer in writers):
        state.read(file)  # never half a file: it would raise
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    kept = len(json.loads(file.path.read_text()))
    print(f"{kept} of {WRITERS * UPDATES} updates kept")
    assert kept == WRITERS * UPDATES
    assert not list(file.path.parent.glob(".*.tmp"))


def test_a_command_undoes_only_what_it_remembered_itself(tmp_path: Path) -> None:
    file = state.launched(tmp_path, "local")
    state.remember(file, {"endpoint": "first", "data": "dogs"})
    before = state.read(file)
    state.remember(file, {"endpoint": "mine"})
    state.put_back(file, {"endpoint": "mine"}, before)
    assert state.read(file) == {"endpoint": "first", "data": "dogs"}
    state.remember(file, {"endpoint": "mine"})
    state.remember(file, {"endpoint": "another command's"})
    state.put_back(file, {"endpoint": "mine"}, before)
    assert state.read(file)["endpoint"] == "another command's"


def test_changes_of_two_commands_never_overlap(kennel: Kennel) -> None:
    """Two threads stand for two commands: they share nothing but the file."""
    from scripts.files.state import changing

    file = state.launched(kennel.folder / ".kennel", "local")
    inside, overlaps, lock = [0], [0], threading.Lock()

    def change(name: str) -> None:
        for _ in range(50):
            with changing(file) as remembered:
                with lock:
                    inside[0] += 1
                    overlaps[0] += inside[0] > 1
                remembered["uploading"] = [*remembered.get("uploading", []), name]
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=change, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [0] and len(state.read(file)["uploading"]) == 100


def test_a_set_that_was_uploaded_in_part_is_not_trained_on(kennel: Kennel, server: LocalServer) -> None:
    pictures = write_pictures(kennel.folder / "dogs", each=200)
    upload = kennel.start("data", "--folder", str(pictures))
    wait_until(lambda: kennel.state().get("uploading"), 60)
    upload.send_signal(signal.SIGKILL)
    upload.communicate()
    kennel.state(**kennel.state() | {"data": "dogs"})  # an earlier upload of that name had ended
    told = kennel.run("train", "--dry-run", status=2).stderr
    assert "--data-name dogs: its upload did not end" in told and "run kennel data again" in told
    kennel.run("data", "--folder", str(pictures))
    assert kennel.state()["uploading"] == [] and kennel.state()["data"] == "dogs"
    assert json.loads(kennel.run("train", "--dry-run").stdout)
    left = server.s3.list_objects_v2(Bucket="bucket", Prefix="kennel/data/dogs/")["KeyCount"]
    print(f"{left} pictures in S3 after the second upload")
    assert left == 1000  # a whole page of the 1,200
