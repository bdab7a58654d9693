"""The context of multi-model-server and TorchServe, by the words that handlers use."""

from serve.own.context import OwnContext


def test_a_handler_reads_headers_and_sets_its_answers() -> None:
    context = OwnContext({"model_dir": "/m"}, [{"id": "a", "size": 3, "Content-Type": "a/b"}, {"id": "b"}])
    assert context.get_request_header(0, "content-type") == "a/b" and context.get_request_header(1, "Accept") is None
    assert context.request_processor[0].get_request_properties() == {"Content-Type": "a/b"} == context.get_all_request_header(0)
    assert context.request_ids == {0: "a", 1: "b"} and context.model_name == "model" and context.manifest == {}
    context.set_response_header(1, "X-Own", "1")
    context.set_all_response_status(418)
    assert [answer["status"] for answer in context.answers] == [418, 418] and context.answers[1]["headers"] == {"X-Own": "1"}
    context.begin([{"id": "c"}])
    assert context.get_request_id() == "c" and context.answers == [{"status": 200, "content_type": "application/json"}]
