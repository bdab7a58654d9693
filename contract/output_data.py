"""The files that a training leaves in output/data: their names and columns, for the program that writes them and those that read.

SageMaker packs the folder as output.tar.gz. `Layout.output_data` is where it lies, `Layout.output_profiler` its folder PROFILE.
"""

STEPS = "steps.csv"
"""One line a step."""
STEP_COLUMNS = ("step", "epoch", "lr", "loss", "pictures")
HISTORY = "history.json"
"""A list with the values of each finished epoch."""
PREDICTION_COLUMNS = ("picture", "class", "predicted", "probability")
"""`picture`: split, class folder and file name; `probability`: of the predicted class."""
PROFILE = "profiler"
"""The folder of what the program measured of itself."""
OPERATORS = "operators.json"
"""In PROFILE: the operators of the profiled steps, and a step's floating-point operations."""
MACHINE = "machine.json"
"""In PROFILE: the machine that the training ran on."""


def predictions(split: str) -> str:
    """The file with what the network says of each picture of a split, PREDICTION_COLUMNS a line."""
    return f"predictions-{split}.csv"
