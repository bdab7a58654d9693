"""What a notebook does with version 2 of the SageMaker Python SDK: fit, tune, deploy, predict, delete. Run by test_sdk_v2.py.

Arguments: a folder of pictures, the objective's name and its regular expression.
"""

import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

pictures, metric, pattern = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
ROLE, BUCKET = "arn:aws:iam::000000000000:role/kennel-execution", "kennel-local"
session = sagemaker.Session(default_bucket=BUCKET)
channels = {
    channel: TrainingInput(session.upload_data(str(pictures / folder), key_prefix=f"set/{folder}"))
    for channel, folder in (("train", "train"), ("validation", "valid"))
}
estimator = Estimator(
    image_uri="kennel-train",
    role=ROLE,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{BUCKET}/jobs",
    sagemaker_session=session,
    metric_definitions=[{"Name": metric, "Regex": pattern}],
    hyperparameters={"arch": "shufflenet_v2_x0_5", "picture-size": 32, "epochs": 1, "train-layers": "all"},
)

tuner = HyperparameterTuner(
    estimator,
    objective_metric_name=metric,
    objective_type="Minimize",
    hyperparameter_ranges={"lr": ContinuousParameter(0.0001, 0.1, "Logarithmic")},
    metric_definitions=[{"Name": metric, "Regex": pattern}],
    max_jobs=2,
    max_parallel_jobs=1,
)
tuner.fit(channels, wait=False)  # it searches while the next lines train
estimator.fit(channels, wait=True, logs="All")
print("TRAINED", estimator.latest_training_job.describe()["TrainingJobStatus"], estimator.model_data)
tuner.wait()
trials = tuner.analytics().dataframe()
best = trials.sort_values("FinalObjectiveValue").iloc[0]
assert tuner.best_training_job() == best["TrainingJobName"], trials
print("TUNED", tuner.describe()["HyperParameterTuningJobStatus"], len(trials), tuner.best_estimator().model_data)

predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    image_uri="kennel-serve",
    serializer=IdentitySerializer("image/jpeg"),
    deserializer=JSONDeserializer(),
)
answer = predictor.predict(next(pictures.glob("valid/*/*")).read_bytes())
print("ANSWERED", answer["predictions"][0]["class"])
predictor.delete_model()
predictor.delete_endpoint()
left = {one["EndpointStatus"] for one in session.sagemaker_client.list_endpoints()["Endpoints"]} - {"Deleting"}
print("LEFT", left, session.sagemaker_client.list_models()["Models"])
