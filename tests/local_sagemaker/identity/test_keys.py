"""Keys of containers: made, known again by the next server, ended; a full disk changes none of that while the server runs."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_sagemaker.caller import Caller, Permissions
from local_sagemaker.errors import AwsError, unavailable
from local_sagemaker.identity.keys import Keys
from local_sagemaker.storage.store import Store

OWNER = Caller(access_key="LOCALKEY", secret_key="root-secret", arn="arn:aws:iam::000000000000:user/local", user_id="LOCALKEY")
ROLE = "arn:aws:iam::000000000000:role/path/demo"
MAY = Permissions(reads=("bucket/data/",), objects=("bucket/one",), writes=("bucket/out/",), log_streams="a/", calls={"A": "b"})


def keys_of(store: Store, owner: Caller = OWNER) -> Keys:
    return Keys(store, owner, "000000000000")


def known(keys: Keys, key: Caller) -> bool:
    try:
        return keys.find(key.access_key) == key
    except AwsError as error:
        assert (error.code, error.status) == ("InvalidAccessKeyId", 403)
        return False


def test_a_key_is_known_until_it_is_withdrawn_and_by_the_next_server(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keys = keys_of(store)
    first, second = (keys.issue(holder, ROLE, MAY) for holder in ("job/1", "job/2"))
    assert first.arn == "arn:aws:sts::000000000000:assumed-role/demo/SageMaker" and first.permissions == MAY
    assert len({OWNER.secret_key, first.secret_key, second.secret_key}) == 3
    assert keys.find(OWNER.access_key) is OWNER
    again = keys_of(store)
    assert known(again, first) and known(again, second)
    again.withdraw("job/1")
    again.withdraw("nobody")
    assert not known(again, first) and known(again, second)
    assert not known(keys_of(store), first)


def test_a_holder_has_one_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keys = keys_of(store)
    old, new = keys.issue("job/1", ROLE, MAY), keys.issue("job/1", ROLE, MAY)
    for each in (keys, keys_of(store)):
        assert not known(each, old) and known(each, new)


def test_the_next_server_keeps_the_keys_of_what_lives(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ended, lives = (keys_of(store).issue(holder, ROLE, MAY) for holder in ("job/1", "job/2"))
    keys = keys_of(store)
    keys.keep({"job/2", "job/3"})
    for each in (keys, keys_of(store)):
        assert not known(each, ended) and known(each, lives)


def test_another_roots_secret_makes_other_secrets(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = keys_of(store).issue("job/1", ROLE, MAY)
    other = Caller(access_key="LOCALKEY", secret_key="another", arn=OWNER.arn, user_id="LOCALKEY")
    assert keys_of(store, other).find(key.access_key).secret_key != key.secret_key


class FullDisk(Store):
    """A store that writes nothing."""

    def put(self, kind: str, name: str, record: dict[str, Any]) -> None:
        raise unavailable("the disk is full")

    def delete(self, kind: str, name: str) -> bool:
        raise unavailable("the disk is full")


def test_a_full_disk_holds_no_key_up_and_ends_none_late(tmp_path: Path) -> None:
    kept = keys_of(Store(tmp_path)).issue("job/1", ROLE, MAY)
    keys = keys_of(FullDisk(tmp_path))
    made = keys.issue("job/2", ROLE, MAY)
    assert known(keys, made)
    for holder, key in (("job/1", kept), ("job/2", made)):
        keys.withdraw(holder)
        assert not known(keys, key)


def test_threads_that_ask_while_keys_come_and_go_get_the_right_ones(tmp_path: Path) -> None:
    keys, wrong = keys_of(Store(tmp_path)), []

    def live(number: int) -> None:
        for _ in range(20):
            key = keys.issue(f"job/{number}", ROLE, MAY)
            wrong.extend([] if known(keys, key) else [number])
            keys.withdraw(f"job/{number}")
            wrong.extend([number] if known(keys, key) else [])

    threads = [threading.Thread(target=live, args=(number,)) for number in range(8)]
    run(threads, threading.Thread.start)
    run(threads, threading.Thread.join)
    assert not wrong


def run(threads: list[threading.Thread], call: Callable[[threading.Thread], None]) -> None:
    for thread in threads:
        call(thread)


@pytest.mark.parametrize(
    ("place", "read", "write", "listed"),
    [
        ("bucket/data/x", True, False, True),
        ("bucket/data", False, False, False),
        ("bucket/database/x", False, False, False),
        ("bucket/one", True, False, False),
        ("bucket/one/more", False, False, False),
        ("bucket/out/x", True, True, True),
        ("bucket/out", False, False, False),
        ("bucket/", False, False, False),
        ("bucket2/data/x", False, False, False),
    ],
)
def test_what_a_place_allows(place: str, read: bool, write: bool, listed: bool) -> None:
    assert (MAY.may_read(place), MAY.may_write(place), MAY.may_list(place)) == (read, write, listed)


def test_no_permissions_allow_nothing() -> None:
    none = Permissions()
    assert not (none.may_read("b/k") or none.may_write("b/k") or none.may_list("b/") or none.knows_bucket("b"))
    assert MAY.knows_bucket("bucket") and not MAY.knows_bucket("buck")
