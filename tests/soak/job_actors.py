"""Training, processing and tuning jobs of a soak: good, failing, stopped and hostile ones, whose end is known beforehand."""

import contextlib
import io
import json
import tarfile
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.soak.server_actor import ServerActor
from tests.soak.tally import Tally
from tests.support.local_server import job_request, processing_request

ENDED = ("Completed", "Failed", "Stopped")
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+);"}


def loss_of(lr: float, epochs: int) -> float:
    """The last loss that the toy training program prints, as it prints it."""
    return float(f"{(lr - 0.01) ** 2 + 1 / epochs:.6f}")


@dataclass(slots=True)
class Trainer(ServerActor):
    """One training job after another, each compared and deleted with all that it left."""

    def turn(self, tally: Tally) -> None:
        job = self.next_name()
        kinds = [self._good, self._fed, self._spot, self._failing, self._crashing, self._stopped, self._linking, self._flooding]
        kind = self.random.choice(kinds)
        try:
            wrong = kind(job)
        finally:
            self._remove(job)
        what = f"training {kind.__name__.strip('_')}"
        if wrong:
            tally.fault(what, f"{job}: {wrong}")
        else:
            tally.well(what)

    def _run(self, job: str, hyperparameters: dict[str, str], **change: Any) -> dict[str, Any]:
        self._create(job, hyperparameters, **change)
        return self._end(job)

    def _create(self, job: str, hyperparameters: dict[str, str], **change: Any) -> None:
        request = job_request(job, HyperParameters=hyperparameters, **change)
        waits = {"MaxWaitTimeInSeconds": 900} if "EnableManagedSpotTraining" in request else {}
        request["StoppingCondition"] = {"MaxRuntimeInSeconds": 600, **waits}
        self.killed.sagemaker("create_training_job", "ResourceInUse", **request)

    def _describe(self, job: str) -> dict[str, Any]:
        return self.killed.sagemaker("describe_training_job", TrainingJobName=job)

    def _end(self, job: str) -> dict[str, Any]:
        return self.killed.until(lambda: (found := self._describe(job))["TrainingJobStatus"] in ENDED and found)

    def _model(self, job: str) -> dict[str, bytes]:
        """What is in its model.tar.gz."""
        body = io.BytesIO(self.killed.read(f"out/{job}/output/model.tar.gz"))
        with tarfile.open(fileobj=body, mode="r:gz") as archive:
            return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}

    def _remove(self, job: str) -> None:
        self._end(job)
        self.killed.sagemaker("delete_training_job", "not found", "Could not find", TrainingJobName=job)
        self.killed.empty(f"out/{job}/")
        self.killed.empty(f"in/{job}/")
        self.killed.forget_logs("/aws/sagemaker/TrainingJobs", f"{job}/")

    def _good(self, job: str) -> str:
        epochs, lr, text = self.random.randint(3, 30), self.random.choice([0.5, 0.1, 0.02]), str(self.random.random())
        given = {"epochs": str(epochs), "lr": str(lr), "write": json.dumps({"model/w": text})}
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": self.random.choice([1, 1, 2]), "VolumeSizeInGB": 10}
        found = self._run(job, given, ResourceConfig=cluster)
        if found["TrainingJobStatus"] != "Completed":
            return f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"
        metric = found["FinalMetricDataList"][0]["Value"]
        model = self._model(job)
        right = {"w": text.encode(), "weights.json": json.dumps({"epoch": epochs, "starts": 1}).encode()}
        if abs(metric - loss_of(lr, epochs)) > 1e-6 or model != right:
            return f"loss {metric}, not {loss_of(lr, epochs)}; model {model}, not {right}"
        return ""

    def _fed(self, job: str) -> str:
        files = {f"{place}/{name}": self.random.randbytes(200) for place in range(2) for name in "ab"}
        for name, content in files.items():
            self.killed.s3("put_object", Key=f"in/{job}/{name}", Body=content)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/in/{job}/", "S3DataDistributionType": "FullyReplicated"}
        channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
        found = self._run(job, {"copy_to_model": "1"}, InputDataConfig=[channel])
        if found["TrainingJobStatus"] != "Completed":
            return f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"
        model = self._model(job)
        got = {name: content for name, content in model.items() if name.startswith("input/data/train/")}
        right = {f"input/data/train/{name}": content for name, content in files.items()}
        return "" if got == right else f"the job saw {sorted(got)}, not {sorted(right)}"

    def _spot(self, job: str) -> str:
        self._create(
            job,
            {"epochs": "20"},
            EnableManagedSpotTraining=True,
            CheckpointConfig={"S3Uri": f"s3://bucket/out/{job}/checkpoints"},
        )
        time.sleep(self.random.uniform(0, 3))
        tag = {"Key": "local-sagemaker:interrupt", "Value": "1"}
        with contextlib.suppress(ClientError):  # a job that is not training is not interrupted
            self.killed.sagemaker("add_tags", ResourceArn=self._describe(job)["TrainingJobArn"], Tags=[tag])
        found = self._end(job)
        if found["TrainingJobStatus"] != "Completed":
            return f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"
        state = json.loads(self._model(job)["weights.json"])
        return "" if state["epoch"] == 20 and state["starts"] in (1, 2) else f"ended with {state}"

    def _failing(self, job: str) -> str:
        reason = f"no good: {self.random.random()}"
        found = self._run(job, {"fail": reason, "exit": "3"})
        right = found["TrainingJobStatus"] == "Failed" and reason in found.get("FailureReason", "")
        return "" if right else f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"

    def _crashing(self, job: str) -> str:
        found = self._run(job, {"python": json.dumps("import os; os.kill(os.getpid(), 9)")})
        right = found["TrainingJobStatus"] == "Failed" and found.get("FailureReason", "").endswith("exit code: 137")
        return "" if right else f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"

    def _stopped(self, job: str) -> str:
        self._create(job, {"wait": "600"})
        time.sleep(self.random.uniform(0, 3))
        self.killed.sagemaker("stop_training_job", "in status", TrainingJobName=job)
        found = self._end(job)
        right = found["TrainingJobStatus"] == "Stopped"
        return "" if right else f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"

    def _linking(self, job: str) -> str:
        """A job that puts a link, or a FIFO, in the place of what the server reads."""
        make = self.random.choice(["os.symlink('/etc/hostname', path)", "os.mkfifo(path)"])
        code = f"import os; path = base / 'output' / 'failure'; path.parent.mkdir(exist_ok=True); {make}"
        found = self._run(job, {"python": json.dumps(code), "exit": "1"})
        right = found["TrainingJobStatus"] == "Failed" and "output/failure" in found.get("FailureReason", "")
        return "" if right else f"{found['TrainingJobStatus']}: {found.get('FailureReason')}"

    def _flooding(self, job: str) -> str:
        """Two megabytes of output, some of it no text, and an endless line."""
        code = (
            "import sys; sys.stdout.buffer.write(b'\\xff\\xfe' * 200_000 + b'\\n' + b'x' * 500_000 + b'\\r'); "
            "[print('line', number) for number in range(60_000)]; print('loss=0.25;', flush=True)"
        )
        found = self._run(job, {"python": json.dumps(code)})
        metrics = [metric["Value"] for metric in found.get("FinalMetricDataList", [])]
        right = found["TrainingJobStatus"] == "Completed" and metrics == [0.25]
        return "" if right else f"{found['TrainingJobStatus']}: {found.get('FailureReason')}; metrics {metrics}"


@dataclass(slots=True)
class Processor(ServerActor):
    """One processing job after another."""

    name: str = "processing"

    def turn(self, tally: Tally) -> None:
        job = self.next_name()
        kind = self.random.choice([self._good, self._failing, self._stopped])
        try:
            wrong = kind(job)
        finally:
            self._end(job)
            self.killed.sagemaker("delete_processing_job", "not found", "Could not find", ProcessingJobName=job)
            self.killed.empty(f"processed/{job}/")
            self.killed.forget_logs("/aws/sagemaker/ProcessingJobs", f"{job}/")
        what = f"processing {kind.__name__.strip('_')}"
        if wrong:
            tally.fault(what, f"{job}: {wrong}")
        else:
            tally.well(what)

    def _create(self, job: str, environment: dict[str, str], **change: Any) -> None:
        self.killed.sagemaker("create_processing_job", "ResourceInUse", **processing_request(job, environment, **change))

    def _end(self, job: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            found = self.killed.sagemaker("describe_processing_job", ProcessingJobName=job)
            return found if found["ProcessingJobStatus"] in ENDED else None

        return self.killed.until(ended)

    def _good(self, job: str) -> str:
        files = {name: str(self.random.random()) for name in ("a", "b/c")}
        mode = self.random.choice(["EndOfJob", "Continuous"])
        local = "/opt/ml/processing/output/x"
        output = {"S3Uri": f"s3://bucket/processed/{job}", "LocalPath": local, "S3UploadMode": mode}
        written = {f"processing/output/x/{name}": text for name, text in files.items()}
        environment = {"write": json.dumps(written), "wait": str(self.random.uniform(0, 3))}
        outputs = {"Outputs": [{"OutputName": "x", "S3Output": output}]}
        self._create(job, environment, ProcessingOutputConfig=outputs)
        found = self._end(job)
        if found["ProcessingJobStatus"] != "Completed":
            return f"{found['ProcessingJobStatus']}: {found.get('FailureReason')}"
        got = {key: self.killed.read(key).decode() for key in self.killed.keys(f"processed/{job}/")}
        right = {f"processed/{job}/{name}": text for name, text in files.items()}
        return "" if got == right else f"{mode}: put {got}, not {right}"

    def _failing(self, job: str) -> str:
        self._create(job, {"message": "no good", "exit": "7"})
        found = self._end(job)
        right = found["ProcessingJobStatus"] == "Failed" and found.get("ExitMessage") == "no good"
        return "" if right else f"{found['ProcessingJobStatus']}: {found.get('FailureReason')}, {found.get('ExitMessage')!r}"

    def _stopped(self, job: str) -> str:
        self._create(job, {"wait": "600"})
        time.sleep(self.random.uniform(0, 3))
        self.killed.sagemaker("stop_processing_job", "in status", ProcessingJobName=job)
        found = self._end(job)
        right = found["ProcessingJobStatus"] == "Stopped"
        return "" if right else f"{found['ProcessingJobStatus']}: {found.get('FailureReason')}"


@dataclass(slots=True)
class Tuner(ServerActor):
    """One search after another, some of them stopped, all of whose losses are known."""

    name: str = "tuning"

    def turn(self, tally: Tally) -> None:
        job, trials, stops = self.next_name(), self.random.randint(2, 4), self.random.random() < 0.25
        self.killed.sagemaker("create_hyper_parameter_tuning_job", "ResourceInUse", **self._request(job, trials))
        if stops:
            time.sleep(self.random.uniform(0, 4))
            with contextlib.suppress(ClientError):  # it may have ended
                self.killed.sagemaker("stop_hyper_parameter_tuning_job", HyperParameterTuningJobName=job)

        def ended() -> dict[str, Any] | None:
            found = self.killed.sagemaker("describe_hyper_parameter_tuning_job", HyperParameterTuningJobName=job)
            return found if found["HyperParameterTuningJobStatus"] in ENDED else None

        found = self.killed.until(ended, 400.0)
        listed = self.killed.sagemaker(
            "list_training_jobs_for_hyper_parameter_tuning_job", HyperParameterTuningJobName=job, MaxResults=50
        )["TrainingJobSummaries"]
        wrong = self._judge(found, listed, trials, stops)
        self.killed.sagemaker("delete_hyper_parameter_tuning_job", "not found", "Could not find", HyperParameterTuningJobName=job)
        for one in listed:
            self.killed.sagemaker("delete_training_job", "not found", "Could not find", TrainingJobName=one["TrainingJobName"])
            self.killed.forget_logs("/aws/sagemaker/TrainingJobs", f"{one['TrainingJobName']}/")
        self.killed.empty(f"tuned/{job}/")
        if wrong:
            tally.fault(self.name, f"{job}: {wrong}")
        else:
            tally.well(f"{self.name} {'stopped' if stops else 'good'}", 1)

    def _judge(self, found: dict[str, Any], listed: list[dict[str, Any]], trials: int, stops: bool) -> str:
        status, counters = found["HyperParameterTuningJobStatus"], found["TrainingJobStatusCounters"]
        measured = [one for one in listed if "FinalHyperParameterTuningJobObjectiveMetric" in one]
        for one in [one for one in measured if one["TrainingJobStatus"] == "Completed"]:
            value, lr = one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"], float(one["TunedHyperParameters"]["lr"])
            if abs(value - loss_of(lr, 3)) > 2e-6:
                return f"{one['TrainingJobName']} with lr {lr} has the loss {value}, not {loss_of(lr, 3)}"
        if measured:
            best = min(measured, key=lambda one: one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
            named = found["BestTrainingJob"]
            values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in (best, named)]
            if values[0] != values[1]:
                return f"the best is {best['TrainingJobName']} with {values[0]}, not {named['TrainingJobName']} with {values[1]}"
        if stops:
            return "" if status in ("Stopped", "Completed") else f"{status}: {found.get('FailureReason')}"
        if status != "Completed" or counters["Completed"] != trials or len(listed) != trials:
            return f"{status} of {trials}: {counters}, {[(one['TrainingJobName'], one['TrainingJobStatus']) for one in listed]}"
        return ""

    def _request(self, job: str, trials: int) -> dict[str, Any]:
        whole = job_request("unused", OutputDataConfig={"S3OutputPath": f"s3://bucket/tuned/{job}"})
        definition = {member: value for member, value in whole.items() if member != "TrainingJobName"}
        definition["AlgorithmSpecification"]["MetricDefinitions"] = [LOSS]
        definition["StoppingCondition"] = {"MaxRuntimeInSeconds": 600}
        ranges = [{"Name": "lr", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}]
        return {
            "HyperParameterTuningJobName": job,
            "HyperParameterTuningJobConfig": {
                "Strategy": self.random.choice(["Random", "Bayesian"]),
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": {"ContinuousParameterRanges": ranges},
                "RandomSeed": self.random.randrange(1000),
            },
            "TrainingJobDefinition": {**definition, "StaticHyperParameters": {"epochs": "3", "epoch_seconds": "0.05"}},
        }
