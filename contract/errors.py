"""The errors a broken agreement raises. They name the thing, its value and, where there is one, the next step."""


class ContractError(Exception):
    """What was handed over does not keep to the contract; the message is one line meant for a person."""


class ArtefactError(ContractError):
    """A model folder is not what its `model.json` says, or has none that can be read."""


class ArchiveError(ContractError):
    """An archive holds something that must not be unpacked, or a folder something that must not be packed."""


class PictureError(ContractError):
    """A picture cannot be decoded."""


class PictureFormatError(PictureError):
    """The bytes are not a picture in one of the accepted formats."""


class PictureTooLargeError(PictureError):
    """A picture has more pixels than the ceiling allows; it was not decoded."""


class PictureMemoryError(PictureError):
    """A picture keeps to the ceiling, and there was not enough memory left for it."""


class PickleError(ContractError):
    """A pickle is damaged, or of a kind that is not read as data."""


class SafetensorsError(ContractError):
    """The header of a safetensors file does not describe the file."""
