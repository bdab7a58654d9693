"""Lists as SageMaker answers them: filters, sorting, pages and NextToken. It knows no resource by name."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..errors import validation

R = TypeVar("R", bound=Mapping[str, Any])
Key = tuple[Any, str]


def filtered(records: Iterable[R], request: Mapping[str, Any], name: Callable[[R], str]) -> list[R]:
    """The records that pass NameContains, StatusEquals, and the times of creation and last change in the request."""

    def passes(record: R) -> bool:
        created, modified = record["created"], record.get("modified", record["created"])
        return (
            request.get("NameContains", "").lower() in name(record).lower()
            and request.get("StatusEquals") in (None, record.get("status"))
            and created > request.get("CreationTimeAfter", float("-inf"))
            and created < request.get("CreationTimeBefore", float("inf"))
            and modified > request.get("LastModifiedTimeAfter", float("-inf"))
            and modified < request.get("LastModifiedTimeBefore", float("inf"))
        )

    return [record for record in records if passes(record)]


def page(
    records: Iterable[R],
    request: Mapping[str, Any],
    name: Callable[[R], str],
    keys: Mapping[str, Callable[[R], Any]],
    *,
    default: str = "CreationTime",
    descending: bool = True,
    size: int = 10,
) -> tuple[list[R], dict[str, str]]:
    """One page, and {"NextToken": ...} where there are more. `keys` gives the value that each SortBy sorts by.

    The token holds the place of the last record, so what is created or deleted meanwhile neither repeats nor hides others.
    """
    order = request.get("SortBy", default)
    down = request.get("SortOrder", "Descending" if descending else "Ascending") == "Descending"

    def place(record: R) -> Key:
        return keys[order](record), name(record)

    ordered = sorted(records, key=place, reverse=down)
    if token := request.get("NextToken"):
        last = _open(token, order, down)
        try:
            ordered = [record for record in ordered if (place(record) < last if down else place(record) > last)]
        except TypeError:
            raise _bad_token() from None
    limit = request.get("MaxResults", size)
    found = ordered[:limit]
    if len(ordered) <= limit:
        return found, {}
    return found, {"NextToken": _close(place(found[-1]), order, down)}


def listed(records: Iterable[R], request: Mapping[str, Any], name: Callable[[R], str]) -> tuple[list[R], dict[str, str]]:
    """One page of the records that pass the request's filters, sorted by name, creation or status."""
    keys: Mapping[str, Callable[[R], Any]] = {
        "Name": name,
        "CreationTime": lambda record: record["created"],
        "Status": lambda record: record.get("status"),
    }
    return page(filtered(records, request, name), request, name, keys)


def _close(place: Key, order: str, down: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, down, *place]).encode()).decode()


def _open(token: str, order: str, down: bool) -> Key:
    try:
        was_order, was_down, value, name = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise _bad_token() from None
    if (was_order, was_down) != (order, down) or not isinstance(name, str):
        raise _bad_token()
    return value, name


def _bad_token() -> Exception:
    return validation("The NextToken is invalid: give the one of the answer before, with the same SortBy and SortOrder.")
