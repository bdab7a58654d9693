"""Row 83: jobs and endpoints of other names, and more than a handful of them: `kennel status` shows all that runs or costs."""

import json

from tests.support.local_server import LocalServer, wait_until
from tests.support.person import KennelHere

MANY = 12


def test_all_that_runs_is_shown_whatever_its_name(kennel_here: KennelHere, server: LocalServer) -> None:
    words = ("train", "--rules", "none", "--set", "epochs=1")
    kennel_here.run(*words, "--name", "kennel-ended")
    kennel_here.run("deploy", "--job", "kennel-ended", "--endpoint", "prod-api")
    kennel_here.run(*words, "--name", "someone-elses-ended")
    request = kennel_here.plan(*words, "--set", "wait=200")[0]["request"]
    names = [f"someone-elses-{number:02}" for number in range(MANY)]
    for name in names:
        server.sagemaker.create_training_job(**request | {"TrainingJobName": name})
    try:
        rows = {row["name"]: row for row in json.loads(kennel_here.run("status", "--json").stdout)}
        print(f"{sum(row['runs'] for row in rows.values())} running of {len(rows)} shown")
        assert all(rows[name]["runs"] and rows[name]["kind"] == "training job" for name in names)
        assert rows["prod-api"]["status"] == "InService" and rows["prod-api"]["runs"]
        assert rows["kennel-ended"]["status"] == "Completed" and not rows["kennel-ended"]["runs"]
        assert "someone-elses-ended" not in rows  # costs nothing, and is not ours
        shown = kennel_here.run("status").stdout
        assert all(name in shown for name in (*names, "prod-api", "kennel-ended")) and "down --endpoint prod-api" in shown
    finally:
        for name in names:
            server.sagemaker.stop_training_job(TrainingJobName=name)
        kennel_here.run("down", "--endpoint", "prod-api")
    wait_until(lambda: not [row for row in json.loads(kennel_here.run("status", "--json").stdout) if row["runs"]], 60)
