"""CloudWatch Logs on the wire: groups, streams, put, get and filter. storage/log_events.py keeps the lines.

A filter pattern is a set of plain terms, "quoted phrases" and -excluded ones; the pattern language's braces and brackets are
refused by name.
"""

import re
from collections.abc import Callable
from typing import Any

from ..context import Context
from ..errors import AwsError, unsupported
from ..protocol.operation import Operation
from ..storage.log_events import Event

END_OF_TIME = 2**62
PAGE_EVENTS = 10_000
PAGE_BYTES = 1024 * 1024
_TOKEN = re.compile(r"([fb])/(\d{1,19})/(\d{1,19})")
_TERM = re.compile(r'\s*(-?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')


def create_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Makes a group."""
    context.events.create_group(request["logGroupName"])
    return {}


def delete_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes a group with its streams."""
    context.events.delete_group(request["logGroupName"])
    return {}


def put_retention_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Notes how long lines are to be kept; here nothing is removed by age."""
    context.events.set_retention(request["logGroupName"], request["retentionInDays"])
    return {}


def create_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Makes a stream."""
    context.events.create_stream(request["logGroupName"], request["logStreamName"])
    return {}


def delete_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes a stream with its lines."""
    context.events.delete_stream(request["logGroupName"], request["logStreamName"])
    return {}


def describe_log_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Groups by name, page by page."""
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    groups = [
        {
            "logGroupName": row["name"],
            "creationTime": int(row["created"] * 1000),
            "retentionInDays": row["retention"],
            "metricFilterCount": 0,
            "arn": context.arn("logs", f"log-group:{row['name']}:*"),
            "logGroupArn": context.arn("logs", f"log-group:{row['name']}"),
            "storedBytes": row["bytes"],
            "logGroupClass": "STANDARD",
        }
        for row in context.events.groups()
        if row["name"].startswith(prefix) and pattern.lower() in row["name"].lower()
    ]
    page, token = _page(groups, request)
    return {"logGroups": page, "nextToken": token}


def describe_log_streams(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Streams of a group by name or by their last line, page by page."""
    prefix, order = request.get("logStreamNamePrefix", ""), request.get("orderBy", "LogStreamName")
    if order == "LastEventTime" and prefix:
        raise AwsError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
    rows = [row for row in context.events.streams(_group(request)) if row["name"].startswith(prefix)]
    if order == "LastEventTime":
        rows.sort(key=lambda row: row["last"] or 0)
    if request.get("descending"):
        rows.reverse()
    streams = [
        {
            "logStreamName": row["name"],
            "creationTime": int(row["created"] * 1000),
            "firstEventTimestamp": row["first"],
            "lastEventTimestamp": row["last"],
            "lastIngestionTime": row["ingested"],
            "uploadSequenceToken": str(row["id"]),
            "arn": context.arn("logs", f"log-group:{_group(request)}:log-stream:{row['name']}"),
            "storedBytes": 0,  # as on AWS, which counts bytes for groups only
        }
        for row in rows
    ]
    page, token = _page(streams, request)
    return {"logStreams": page, "nextToken": token}


def put_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Adds lines to a stream, in order of time. Sequence tokens are taken and not looked at, as on AWS today."""
    events = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    if [at for at, _ in events] != sorted(at for at, _ in events):
        message = "Log events in a single PutLogEvents request must be in chronological order."
        raise AwsError("InvalidParameterException", message)
    if sum(len(message.encode(errors="replace")) + 26 for _, message in events) > PAGE_BYTES:
        raise AwsError("InvalidParameterException", f"Upload too large: exceeds {PAGE_BYTES} bytes")
    context.events.put(request["logGroupName"], request["logStreamName"], events)
    return {"nextSequenceToken": str(len(events))}


def get_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A page of a stream. The forward token of the last page is the one that was sent, which is how a reader knows it is last."""
    group, stream, token = _group(request), request["logStreamName"], request.get("nextToken")
    start, end = request.get("startTime", 0), request.get("endTime", END_OF_TIME)
    limit = request.get("limit", PAGE_EVENTS)
    backward, place = not request.get("startFromHead"), None
    if token is not None:
        backward, place = _from_token(token)
    if place is None:
        place = (END_OF_TIME, END_OF_TIME) if backward else (0, 0)
    found = _within(context.events.after(group, stream, place, start, end, limit, backward=backward), backward)
    nowhere = (0, 0) if token is None else place  # an empty stream: its first line is still to come
    first, last = (_place(found[0]), _place(found[-1])) if found else (nowhere, nowhere)
    return {
        "events": [{"timestamp": event.at, "message": event.message, "ingestionTime": event.ingested} for event in found],
        "nextForwardToken": "f/{}/{}".format(*last),
        "nextBackwardToken": "b/{}/{}".format(*first),
    }


def filter_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A page of lines of all or some streams that match a pattern, oldest first."""
    group, matches = _group(request), _matcher(request.get("filterPattern", ""))
    prefix, names = request.get("logStreamNamePrefix"), request.get("logStreamNames")
    if prefix is not None and names is not None:
        raise AwsError("InvalidParameterException", "logStreamNames and logStreamNamePrefix cannot both be given.")
    known = [row["name"] for row in context.events.streams(group)]
    streams = [name for name in known if (names is None or name in names) and name.startswith(prefix or "")]
    if missing := sorted(set(names or ()) - set(known)):
        raise AwsError("ResourceNotFoundException", f"The specified log stream does not exist: {missing[0]}")
    place = _from_token(request["nextToken"])[1] if request.get("nextToken") else (0, 0)
    start, end = request.get("startTime", 0), request.get("endTime", END_OF_TIME)
    limit = request.get("limit", PAGE_EVENTS)
    found: list[Event] = []
    while True:
        batch = context.events.across(group, streams, place, start, end, limit)
        for event in batch:
            if len(found) == limit:
                break
            place = _place(event)
            if matches(event.message):
                found.append(event)
        else:
            if len(batch) == limit:
                continue
            break
        break
    more = len(found) == limit
    page = _within(found, backward=False)
    if len(page) < len(found):
        place, more = _place(page[-1]), True
    return {
        "events": [
            {
                "logStreamName": event.stream,
                "timestamp": event.at,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": f"{event.id:056d}",
            }
            for event in page
        ],
        "searchedLogStreams": [],
        "nextToken": "f/{}/{}".format(*place) if more else None,
    }


def _within(found: list[Event], backward: bool) -> list[Event]:
    """The events that fit into one answer, from the end where the reader goes on from."""
    room = PAGE_BYTES
    kept: list[Event] = []
    for event in reversed(found) if backward else found:
        room -= len(event.message.encode()) + 26
        if room < 0 and kept:
            break
        kept.append(event)
    return kept[::-1] if backward else kept


def _place(event: Event) -> tuple[int, int]:
    return event.at, event.id


def _from_token(token: str) -> tuple[bool, tuple[int, int]]:
    found = _TOKEN.fullmatch(token)
    if not found:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return found[1] == "b", (min(int(found[2]), END_OF_TIME), min(int(found[3]), END_OF_TIME))


def _group(request: dict[str, Any]) -> str:
    """The group's name, given plainly or as an ARN."""
    identifier = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not identifier or (request.get("logGroupName") and request.get("logGroupIdentifier")):
        raise AwsError("InvalidParameterException", "One of logGroupName and logGroupIdentifier must be given.")
    return identifier.partition(":log-group:")[2].removesuffix(":*") if identifier.startswith("arn:") else identifier


def _page(items: list[dict[str, Any]], request: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    token = request.get("nextToken", "0")
    if not re.fullmatch(r"\d{1,9}", token):
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    start, limit = int(token), request.get("limit", 50)
    return items[start : start + limit], str(start + limit) if len(items) > start + limit else None


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a line has every term and none of the excluded ones."""
    pattern = pattern.strip()
    if pattern.startswith(("{", "[", "%")) or "?" in pattern:
        raise unsupported("FilterLogEvents", f"filterPattern {pattern[:40]!r}: only plain terms, quoted or excluded with -,")
    terms = [(bool(minus), re.sub(r"\\(.)", r"\1", quoted) or plain) for minus, quoted, plain in _TERM.findall(pattern)]
    return lambda line: all((term in line) != excluded for excluded, term in terms)


_STREAM = "logGroupName logStreamName"

OPERATIONS = {
    "CreateLogGroup": Operation(create_log_group, "logGroupName"),
    "DeleteLogGroup": Operation(delete_log_group, "logGroupName"),
    "PutRetentionPolicy": Operation(put_retention_policy, "logGroupName retentionInDays"),
    "CreateLogStream": Operation(create_log_stream, _STREAM),
    "DeleteLogStream": Operation(delete_log_stream, _STREAM),
    "DescribeLogGroups": Operation(describe_log_groups, "logGroupNamePrefix logGroupNamePattern nextToken limit"),
    "DescribeLogStreams": Operation(
        describe_log_streams, "logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending nextToken limit"
    ),
    "PutLogEvents": Operation(put_log_events, f"{_STREAM} logEvents sequenceToken"),
    "GetLogEvents": Operation(get_log_events, f"{_STREAM} logGroupIdentifier startTime endTime nextToken limit startFromHead"),
    "FilterLogEvents": Operation(
        filter_log_events,
        "logGroupName logGroupIdentifier logStreamNames logStreamNamePrefix startTime endTime filterPattern nextToken limit"
        " interleaved",
    ),
}
