"""The notebook beside the profiler's page: its cells run where the rule's files lie."""

import json
from pathlib import Path

import pytest

from rules.report.profiler_notebook import profiler_notebook

REPORTS = {
    "CPUBottleneck": {"RuleTriggered": 1, "Violations": 2, "Datapoints": 9, "Details": {"evidence": ["the GPU waited"]}},
    "BatchSize": {"RuleTriggered": 0, "Violations": 0, "Datapoints": 0, "Details": {"evidence": [], "not_judged": "no GPU"}},
}


def test_its_cells_read_the_files_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("profiler-reports").mkdir()
    for name, report in REPORTS.items():
        Path("profiler-reports", f"{name}.json").write_text(json.dumps(report))
    notebook = json.loads(profiler_notebook('job "one" {x}'))
    assert notebook["nbformat"] == 4 and 'job "one" {x}' in notebook["cells"][0]["source"][0]
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for source in code[:2]:
        exec(source, names)
    assert list(names["table"].index) == ["BatchSize", "CPUBottleneck"]
    assert capsys.readouterr().out == "BatchSize: not judged: no GPU\nCPUBottleneck: the GPU waited\n"
    compile(code[2], "page", "exec")
