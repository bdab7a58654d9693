"""The keys with which this server can be called: the root's own, and one for each container that runs.

A container's key is known from just before its container starts until its job or instance ends, over a restart of the server
too. The store has what it may do; its secret is derived from the root's, and written down nowhere.
"""

import base64
import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any, TypedDict

from ..caller import Caller, Permissions
from ..errors import AwsError
from ..storage.store import Kind, Store


class ContainerKey(TypedDict):
    """The record of a container's key, which is called by its holder. `permissions` has the members of Permissions."""

    access_key: str
    holder: str
    role: str
    permissions: dict[str, Any]


KIND: Kind[ContainerKey] = Kind("container-key")
SESSION = "SageMaker"

log = logging.getLogger(__name__)


class Keys:
    """Every key. Thread-safe. `owner` is the holder of the root's own, in the account with this number."""

    def __init__(self, store: Store, owner: Caller, account_id: str) -> None:
        self._store = store
        self._owner = owner
        self._account_id = account_id
        self._lock = threading.Lock()
        self._callers: dict[str, Caller] = {}
        self._holders: dict[str, str] = {}
        for record in store.list(KIND):
            self._know(record)

    def find(self, access_key: str) -> Caller:
        """The holder of a key. Raises InvalidAccessKeyId."""
        if access_key == self._owner.access_key:
            return self._owner
        caller = self._callers.get(access_key)
        if caller is None:
            message = "The access key is not one of this server. `server.json` in its root has the owner's."
            raise AwsError("InvalidAccessKeyId", f"{message} A container's ends with its job.", 403)
        return caller

    def issue(self, holder: str, role_arn: str, permissions: Permissions) -> Caller:
        """A new key for a container, in the place of any that `holder` had. `holder` names the job or instance.

        On a full disk the key holds, and is lost when the server is started anew.
        """
        record: ContainerKey = {
            "access_key": f"ASIA{secrets.token_hex(8).upper()}",
            "holder": holder,
            "role": role_arn.rpartition("/")[2],
            "permissions": asdict(permissions),
        }
        with self._lock:
            self._forget(holder)
            caller = self._know(record)
        self._try(lambda: self._store.put(KIND, holder, record), holder)
        return caller

    def withdraw(self, holder: str) -> None:
        """Ends the key of a job or an instance that has ended, if it has one."""
        with self._lock:
            known = self._forget(holder)
        if known:
            self._try(lambda: self._store.delete(KIND, holder), holder)

    def keep(self, holders: Collection[str]) -> None:
        """Ends the keys of all but these: those of jobs and instances that ended while no server ran."""
        for holder in set(self._holders) - set(holders):
            self.withdraw(holder)

    def _know(self, record: ContainerKey) -> Caller:
        access_key, role = record["access_key"], record["role"]
        kept = record["permissions"]
        lists = {name: tuple(kept[name]) for name in ("reads", "objects", "writes")}
        caller = Caller(
            access_key=access_key,
            secret_key=self._secret(access_key),
            arn=f"arn:aws:sts::{self._account_id}:assumed-role/{role}/{SESSION}",
            user_id=f"{access_key}:{SESSION}",
            permissions=Permissions(**{**kept, **lists}),
        )
        self._callers[access_key] = caller
        self._holders[record["holder"]] = access_key
        return caller

    def _forget(self, holder: str) -> bool:
        access_key = self._holders.pop(holder, "")
        return self._callers.pop(access_key, None) is not None

    def _try(self, write: Callable[[], object], holder: str) -> None:
        """What this server knows of a key goes before what the store has: a full disk holds no job up, and ends no key late."""
        try:
            write()
        except AwsError as error:
            log.warning("the key of %s: %s", holder, error.message)

    def _secret(self, access_key: str) -> str:
        digest = hmac.digest(self._owner.secret_key.encode(), f"container-key.{access_key}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
