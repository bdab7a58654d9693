"""The splits are spelled out here: people's folders and S3 prefixes have these names."""

from contract import splits


def test_channels_and_folders() -> None:
    assert splits.FOLDERS == {"train": "train", "validation": "valid", "test": "test"}
    assert tuple(splits.FOLDERS) == splits.SPLITS == (splits.TRAIN, splits.VALIDATION, splits.TEST)
