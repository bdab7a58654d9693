"""The files of output/data are spelled out here: under another name the report of an older job would find nothing."""

from contract import output_data


def test_names_and_columns() -> None:
    names = (output_data.STEPS, output_data.HISTORY, output_data.OPERATORS, output_data.MACHINE, output_data.PROFILE)
    assert names == ("steps.csv", "history.json", "operators.json", "machine.json", "profiler")
    assert output_data.predictions("test") == "predictions-test.csv"
    assert output_data.PREDICTION_COLUMNS == ("picture", "class", "predicted", "probability")
    assert output_data.STEP_COLUMNS == ("step", "epoch", "lr", "loss", "pictures")
