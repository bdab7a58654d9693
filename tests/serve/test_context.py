"""The context by the convention's own words."""

from serve.context import Context


def test_headers_are_read_and_answers_kept_by_position() -> None:
    context = Context({"threads": 2}, [{"id": "a", "Accept": "text/csv"}, {"id": "b"}])
    assert [context.get_request_id(0), context.get_request_id(1)] == ["a", "b"]
    assert context.get_request_header(0, "Accept") == "text/csv" and context.get_request_header(1, "Accept") is None
    context.set_response_status(code=413, idx=1)
    context.set_response_content_type(0, "text/csv")
    assert context.answers == [
        {"status": 200, "content_type": "text/csv"},
        {"status": 413, "content_type": "application/json"},
    ]
    assert context.system_properties["threads"] == 2
