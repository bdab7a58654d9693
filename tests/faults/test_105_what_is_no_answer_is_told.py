"""Row 105: a person's handler returns None, a generator or 300 MB, or raises a class that cannot be told: 500, a short body."""

from pathlib import Path

from tests.support import own_model


def test_what_is_no_answer_is_told(tmp_path: Path) -> None:
    with own_model.clumsy(tmp_path / "ml", SAGEMAKER_MODEL_SERVER_WORKERS=1, SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=30) as server:
        (worker,) = server.workers()
        before = server.rss()
        codes = {}
        for word in ("none", "generator", "large", "raise"):
            answer = server.invoke(word.encode())
            codes[word] = answer.json()["code"]
            assert answer.status == 500 and len(answer.body) < 300, answer
        print(f"{codes}; the front grew by {(server.rss() - before) >> 10} KiB")
        assert codes == {"none": "BadAnswer", "generator": "BadAnswer", "large": "AnswerTooLarge", "raise": "HandlerFailed"}
        assert server.rss() - before < 8 << 20 and server.workers() == [worker]
