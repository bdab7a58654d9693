"""What went wrong, made short enough for a log line, an error message or SageMaker's FailureReason."""

from contract.layout import FAILURE_LIMIT


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of an exception's message that says anything, its type's name where none does; printable characters, at most
    `most` of them."""
    lines = (line.strip() for line in str(error).splitlines())
    text = next(filter(None, lines), type(error).__name__)[:most]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(text: str, limit: int = FAILURE_LIMIT) -> str:
    """The text in at most `limit` bytes of UTF-8; where it is cut it ends in three dots."""
    body = text.encode("utf-8", "replace")
    if len(body) <= limit:
        return body.decode("utf-8")
    return body[: limit - 3].decode("utf-8", "ignore") + "..."
