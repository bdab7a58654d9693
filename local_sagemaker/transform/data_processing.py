"""DataProcessing of a transform job: what of a record goes to the model, and what of it and of the answer goes to S3.

A record is a row of CSV, which counts as an array of texts, or a value of JSON. The order is InputFilter, the model, JoinSource
and OutputFilter. What is joined is the record as it was before InputFilter.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .json_path import BadPath, JsonPath, NotThere

FORMATS = {"text/csv": "csv", "application/json": "json", "application/jsonlines": "jsonlines"}
INPUT, OUTPUT = "SageMakerInput", "SageMakerOutput"


class BadRecord(Exception):
    """A record, or the answer to one, is not what DataProcessing works on: a sentence."""


def media_type(value: str) -> str:
    """The media type of a Content-Type or Accept without its parameters, in small letters."""
    return value.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataProcessing:
    """What is done with records and answers, `inward` and `outward` being their formats: a value of FORMATS.

    `whole`: a record of JSON is a whole object (SplitType None), and not a line.
    """

    input_filter: JsonPath
    output_filter: JsonPath
    joins: bool
    inward: str
    outward: str
    whole: bool

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "DataProcessing | None":
        """What a CreateTransformJob request asks for; None where that changes nothing. Raises ValueError, naming the member."""
        asked = request.get("DataProcessing", {})
        filters = {}
        for member in ("InputFilter", "OutputFilter"):
            try:
                filters[member] = JsonPath.parse(asked.get(member) or "$")
            except BadPath as error:
                raise ValueError(f"DataProcessing.{member} {error}.") from None
        joins = asked.get("JoinSource", "None") == "Input"
        if all(path.is_root for path in filters.values()) and not joins:
            return None
        given, wanted = request["TransformInput"], request["TransformOutput"]
        sent = media_type(given.get("ContentType", ""))
        asked_for = media_type(wanted.get("Accept", "")) or sent
        for member, value in (("TransformInput.ContentType", sent), ("TransformOutput.Accept", asked_for)):
            if value not in FORMATS:
                raise ValueError(f"{member} {value!r} does not go with DataProcessing. Give one of {', '.join(FORMATS)}.")
        split, assemble = given.get("SplitType", "None"), wanted.get("AssembleWith", "None")
        if joins and asked_for != sent:
            raise ValueError(
                f"JoinSource Input needs TransformOutput.Accept {asked_for!r} to be TransformInput.ContentType {sent!r}."
            )
        if joins and split != assemble:
            raise ValueError(
                f"JoinSource Input needs TransformOutput.AssembleWith {assemble} to be TransformInput.SplitType {split}."
            )
        return cls(
            input_filter=filters["InputFilter"],
            output_filter=filters["OutputFilter"],
            joins=joins,
            inward=FORMATS[sent],
            outward=FORMATS[asked_for],
            whole=split == "None",
        )

    def filtered(self, body: bytes) -> bytes:
        """What the model gets of the records of one request. Raises BadRecord."""
        if self.input_filter.is_root:
            return body
        records = [_written(self._chosen(self.input_filter, one), self.inward) for one in self._records(body, self.inward)]
        return b"\n".join(records) + (b"\n" if body.endswith(b"\n") else b"")

    def joined(self, body: bytes, answer: bytes) -> bytes:
        """What is stored of the records of one request and the model's answer to them. Raises BadRecord."""
        answers = self._records(answer, self.outward)
        if self.joins:
            records = self._records(body, self.inward)
            if len(records) != len(answers):
                raise BadRecord(f"{len(records)} records cannot be joined with the {len(answers)} that the model answered")
            answers = [_join(record, one, self.inward) for record, one in zip(records, answers, strict=True)]
        return b"\n".join(_written(self._chosen(self.output_filter, one), self.outward) for one in answers)

    def _records(self, body: bytes, form: str) -> list[Any]:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise BadRecord(f"the data is not UTF-8: {error.reason} at byte {error.start}") from None
        if form == "json" and self.whole:
            return [_parsed(text, form)]
        lines = text.removesuffix("\n").split("\n")
        return [_parsed(line.removesuffix("\r"), form) for line in lines] if text else []

    def _chosen(self, path: JsonPath, record: Any) -> Any:
        try:
            return path.select(record)
        except NotThere as error:
            raise BadRecord(str(error)) from None


def _parsed(text: str, form: str) -> Any:
    try:
        if form == "csv":
            return next(csv.reader([text], strict=True), [])
        return json.loads(text)
    except (ValueError, RecursionError, csv.Error) as error:
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise BadRecord(f"{shown!r} is not {'a row of CSV' if form == 'csv' else 'JSON'}: {error}") from None


def _written(value: Any, form: str) -> bytes:
    """Raises BadRecord for what was read and cannot be written: half a character, a number without end, one list in another."""
    try:
        if form != "csv":
            return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return row.getvalue().encode()
    except (ValueError, RecursionError, csv.Error) as error:
        raise BadRecord(f"a record cannot be written as {'CSV' if form == 'csv' else 'JSON'}: {error}") from None


def _join(record: Any, answer: Any, form: str) -> Any:
    """A row with the answer's columns behind its own; an object with the answer in it; else an object of both."""
    if form == "csv":
        return [*record, *answer]
    if isinstance(record, dict):
        return {**record, OUTPUT: answer}
    return {INPUT: record, OUTPUT: answer}
