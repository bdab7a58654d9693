"""The three parts of a data set, by the names of their input channels and of their folders on disk and in S3."""

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
"""The input channels that hold pictures; a job may lack the last."""
FOLDERS = {TRAIN: "train", VALIDATION: "valid", TEST: "test"}
"""The folder of each split in a data set, as the dogs' own archive calls them."""
