"""Each part that a job lacks is replaced by a reason that says what would help."""

import json
from pathlib import Path

from rules.reading.job_files import find
from rules.report.absent import Absent
from rules.report.job_page import page
from rules.report.job_report import gather


def test_every_part_of_a_job_with_nothing_but_a_model_says_why(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text(json.dumps({"metrics": {"test:accuracy": 0.5}}))
    body = gather(find(str(tmp_path)))
    html = page(body, {})
    reasons: list[Absent] = [part for part in (body["learning"], body["predictions"], body["machine"]) if "absent" in part]
    assert len(reasons) == 3
    for reason in (*(part["absent"] for part in reasons), body["time"]["absent"]):
        assert reason.endswith(".") and len(reason) > 40 and reason.split(":")[0] in html
