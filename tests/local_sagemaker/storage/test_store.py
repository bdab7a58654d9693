"""Records, transactions, a broken file; database.py below them."""

import threading
from pathlib import Path

import pytest

from local_sagemaker.errors import Exists, Missing
from local_sagemaker.storage import database
from local_sagemaker.storage.store import Store


def test_a_record_survives_a_new_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create("job", "one", {"at": 1.5, "name": "é"})
    store.close()
    assert Store(tmp_path).get("job", "one") == {"at": 1.5, "name": "é"}


def test_of_fifty_threads_one_creates(tmp_path: Path) -> None:
    store, outcomes = Store(tmp_path), []

    def create(number: int) -> None:
        try:
            store.create("job", "same", {"by": number})
            outcomes.append("created")
        except Exists:
            outcomes.append("exists")

    threads = [threading.Thread(target=create, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created"] + ["exists"] * 49


def test_updates_from_many_threads_are_not_lost(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create("counter", "c", {"n": 0})

    def add() -> None:
        for _ in range(50):
            store.update("counter", "c", lambda record: record.update(n=record["n"] + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("counter", "c") == {"n": 400}


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.create("job", "one", {})
        with store.transaction():
            store.put("job", "two", {})
        raise ZeroDivisionError
    assert store.list("job") == []
    store.create("job", "one", {})


def test_a_failed_create_inside_a_transaction_does_not_undo_the_rest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create("job", "taken", {})
    with store.transaction():
        store.put("job", "other", {})
        with pytest.raises(Exists):
            store.create("job", "taken", {})
    assert store.get("job", "other") == {}


def test_update_takes_a_new_record_or_a_change_in_place_and_needs_a_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create("job", "one", {"a": 1})
    assert store.update("job", "one", lambda record: {"b": 2}) == {"b": 2}
    with pytest.raises(Missing):
        store.update("job", "none", lambda record: None)
    assert store.delete("job", "one") and not store.delete("job", "one")


def test_names_are_listed_by_prefix_and_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("b", "a%", "a_1", "A", "a"):
        store.create("tag", name, {"name": name})
    assert [record["name"] for record in store.list("tag")] == ["A", "a", "a%", "a_1", "b"]
    assert [record["name"] for record in store.list("tag", "a_")] == ["a_1"]


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_broken_file_is_moved_aside_and_the_notice_says_where(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "state.db").write_bytes(damage)
    store = Store(tmp_path)
    aside = next(tmp_path.glob("state.db.corrupt-*"))
    assert aside.read_bytes() == damage
    assert store.notice and str(aside) in store.notice
    store.create("job", "one", {})


def test_a_database_knows_a_taken_key_from_a_failure(tmp_path: Path) -> None:
    opened = database.Database(tmp_path / "x.db", "CREATE TABLE t (a TEXT PRIMARY KEY);")
    opened.execute("INSERT INTO t VALUES ('x')")
    with pytest.raises(database.Duplicate):
        opened.execute("INSERT INTO t VALUES ('x')")
