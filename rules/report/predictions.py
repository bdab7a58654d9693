"""The predictions on held-out pictures give the confusion matrix and the worst mistakes, with small copies of their pictures.

Only the pictures that are shown are fetched. They come from whoever made the data: named formats, a ceiling for pixels, one
frame, and what is written into the page was encoded here anew.
"""

import base64
import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TypedDict, final

from contract import output_data
from contract.label import label
from contract.reason import first_line
from contract.splits import TEST, VALIDATION
from rules.errors import RuleError
from rules.reading.job_files import ALL_CHANNELS, JobFiles
from rules.report.absent import Absent

WORST = 12
SIDE = 240
BYTES = 32 << 20
"""Of a picture's file, at most."""
ABSENT = (
    "No predictions were saved: output/data has no predictions-test.csv. Kennel's picture classifier writes it when the job has "
    "a test or validation channel; a script may write one to SM_OUTPUT_DATA_DIR, with the columns picture, class, predicted and "
    "probability."
)


Prediction = TypedDict("Prediction", {"picture": str, "class": str, "predicted": str, "probability": float | None})
"""A line of the file; `probability` of the predicted class, None in files of before there were any."""


class ClassScore(TypedDict):
    """Recall and precision of a class, 0 to 1; None where it has no picture or was never predicted."""

    name: str
    pictures: int
    recall: float | None
    precision: float | None


@final
class Predictions(TypedDict):
    """`matrix`: a row for each true class, in the order of `names`. `confusions`: (true, predicted, how often). `worst`: wrong
    with the highest probability."""

    split: str
    pictures: int
    right: int
    names: list[str]
    matrix: list[list[int]]
    classes: list[ClassScore]
    confusions: list[tuple[str, str, int]]
    worst: list[Prediction]


def predictions(files: Mapping[str, bytes], warnings: list[str]) -> Predictions | Absent:
    """Counts what the network said of the test pictures, or of the validation pictures where there are none."""
    split = next((name for name in (TEST, VALIDATION) if output_data.predictions(name) in files), None)
    if split is None:
        return {"absent": ABSENT}
    file = output_data.predictions(split)
    try:
        rows = _rows(files[file])
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        warnings.append(f"{file}: a line is no prediction: {error!r}.")
        rows = []
    if not rows:
        return {"absent": f"{file} holds no prediction that can be read."}
    names = sorted({row["class"] for row in rows} | {row["predicted"] for row in rows})
    place = {name: index for index, name in enumerate(names)}
    counts = [[0] * len(names) for _ in names]
    for row in rows:
        counts[place[row["class"]]][place[row["predicted"]]] += 1
    wrong = [row for row in rows if row["class"] != row["predicted"]]
    pairs = Counter((row["class"], row["predicted"]) for row in wrong)
    return {
        "split": split,
        "pictures": len(rows),
        "right": len(rows) - len(wrong),
        "names": [label(name) for name in names],
        "matrix": counts,
        "classes": [_class(label(name), counts, index) for index, name in enumerate(names)],
        "confusions": [(label(true), label(said), count) for (true, said), count in pairs.most_common(10)],
        "worst": sorted(wrong, key=lambda row: -(row["probability"] or 0.0))[:WORST],
    }


def _rows(body: bytes) -> list[Prediction]:
    found: list[Prediction] = []
    for row in csv.DictReader(io.StringIO(body.decode("utf-8", "replace"), newline="")):
        sure = row.get("probability")
        found.append(
            {
                "picture": row["picture"] + "",  # a line that is too short has None, which is a TypeError here
                "class": row["class"] + "",
                "predicted": row["predicted"] + "",
                "probability": float(sure) if sure else None,
            }
        )
    return found


def _class(name: str, counts: list[list[int]], index: int) -> ClassScore:
    true, said, right = sum(counts[index]), sum(row[index] for row in counts), counts[index][index]
    return {"name": name, "pictures": true, "recall": right / true if true else None, "precision": right / said if said else None}


def thumbnails(job: JobFiles, pictures: Iterable[str]) -> dict[str, str]:
    """A data URI, or the reason why there is none, for each picture: "data:..." or words."""
    return {name: _thumbnail(job, name) for name in pictures}


def _thumbnail(job: JobFiles, picture: str) -> str:
    path = PurePosixPath(picture)
    if path.is_absolute() or ".." in path.parts or "\\" in picture:
        return "its name is no plain path"
    channel, _, rest = picture.partition("/")
    source, name = (job.channels[channel], rest) if channel in job.channels else (job.channels.get(ALL_CHANNELS), picture)
    if source is None:
        return "the job has no such channel"
    try:
        body = source.read(name, 0, BYTES + 1)
    except (OSError, RuleError) as error:
        return "the picture is not there any more" if isinstance(error, FileNotFoundError) else first_line(error, 120)
    return thumbnail(body)


def thumbnail(body: bytes) -> str:
    """A small JPEG of a picture as a data URI; the reason where it is none that may be opened."""
    from PIL import Image

    from contract.errors import PictureError, PictureTooLargeError
    from contract.pictures.picture import open_picture

    if len(body) > BYTES:
        return f"over {BYTES >> 20} MB"
    try:
        upright = open_picture(body, shorter_side=SIDE)
    except PictureTooLargeError:
        return "too many pixels to be opened"
    except PictureError:
        return "not a picture that can be opened"
    upright.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    plain = Image.new("RGB", upright.size)  # takes over pixels, and no comment, profile or EXIF
    plain.paste(upright)
    plain.save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
