"""How a class is shown to a person, everywhere: in answers, tables and reports."""

import re


def label(class_name: str) -> str:
    """A class folder's name as a person reads it: `016.Beagle` is Beagle, `076.Golden_retriever` is Golden retriever."""
    return re.sub(r"^\d+\.", "", class_name).replace("_", " ").strip() or class_name
