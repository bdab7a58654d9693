"""torch's files, read without torch.load: every form, every kind of number, and what a hostile one may claim."""

import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from train.errors import SalvageError
from train.salvage import torch_file
from train.salvage.torch_file import TorchFile

KINDS = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


def opened(path: Path) -> TorchFile:
    stream = open(path, "rb")  # noqa: SIM115
    return torch_file.open_file(path, stream)


def new(value: object, path: Path) -> None:
    torch.save(value, path)


def old(value: object, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def bare(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("write", [new, old, bare])
def test_every_kind_of_number_and_view_comes_out_bit_for_bit(tmp_path: Path, write: Callable[[object, Path], None]) -> None:
    whole = torch.arange(60).reshape(3, 4, 5)
    values = {kind: (whole % 2 if kind == "bool" else whole).to(getattr(torch, kind)) for kind in KINDS}
    values |= {"view": values["float32"][1:, ::2, 1:3], "turned": values["float32"].permute(2, 0, 1)}
    values |= {"parameter": torch.nn.Parameter(torch.randn(3)), "empty": torch.empty(0, 3), "scalar": torch.tensor(2.5)}
    write(values, tmp_path / "a.pth")
    file = opened(tmp_path / "a.pth")
    for name, value in values.items():
        tensor = file.tensor(file.root[name])
        assert tensor is not None, name
        loaded = tensor.load()
        assert loaded.dtype == value.dtype and torch.equal(loaded, value.detach()) and loaded.is_contiguous(), name
    assert file.tensor(file.root) is None and file.tensor(3) is None


def claims(path: Path, **changed: object) -> TorchFile:
    """A zip whose one tensor claims what is given."""
    told = {"kind": "FloatStorage", "key": "0", "count": 4, "offset": 0, "shape": (2, 2), "stride": (2, 1)} | changed

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            if isinstance(value, torch.UntypedStorage):
                return ("storage", getattr(torch, str(told["kind"]), torch.Tensor), told["key"], "cpu", told["count"])
            return None

    class View:
        def __reduce__(self) -> tuple:
            parts = (torch.UntypedStorage(4), told["offset"], told["shape"], told["stride"], False, {})
            return torch._utils._rebuild_tensor_v2, parts

    data = io.BytesIO()
    Pickler(data, 2).dump(View())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", data.getvalue())
        archive.writestr("a/data/0", bytes(16))
    return opened(path)


def test_the_honest_claim_is_read(tmp_path: Path) -> None:
    file = claims(tmp_path / "a.pth")
    tensor = file.tensor(file.root)
    assert tensor is not None and torch.equal(tensor.load(), torch.zeros(2, 2))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"offset": 1}, "reaches beyond"),
        ({"offset": -1}, "without a proper shape"),
        ({"shape": (1 << 40, 1 << 40), "stride": (0, 0)}, "reaches beyond"),
        ({"shape": (1 << 60, 1)}, "without a proper shape"),
        ({"shape": (3, 2)}, "reaches beyond"),
        ({"shape": (2.0, 2)}, "without a proper shape"),
        ({"stride": (-2, 1)}, "without a proper shape"),
        ({"stride": (1,)}, "without a proper shape"),
        ({"kind": "Tensor"}, "numbers of the kind"),
        ({"key": 0}, "without a proper key"),
        ({"count": 1 << 60}, "without a proper key"),
        ({"count": 1 << 40, "shape": (1 << 20, 1 << 20), "stride": (1 << 20, 1)}, "damaged: 16 bytes where"),
        ({"key": "../../../etc/passwd"}, "damaged: .*etc/passwd"),
        ({"key": "1"}, "damaged"),
    ],
)
def test_a_tensor_that_claims_what_is_not_there_is_refused(tmp_path: Path, changed: dict, words: str) -> None:
    file = claims(tmp_path / "a.pth", **changed)
    with pytest.raises(SalvageError, match=words):
        file.tensor(file.root).load()


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}) + bytes(1 << 24))


def overlapping(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}))
        archive.writestr("a/data/0", bytes(1 << 16))
        for number in range(1, 50):
            twin = zipfile.ZipInfo(f"a/data/{number}")
            first = archive.filelist[1]
            twin.file_size, twin.compress_size, twin.CRC, twin.header_offset = 1 << 16, 1 << 16, first.CRC, first.header_offset
            archive.filelist.append(twin)
        archive._didModify = True


def program(path: Path) -> None:
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)).save(str(path))


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.py", "print()")


def big_endian(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}))
        archive.writestr("a/byteorder", "big")


def cut(path: Path) -> None:
    torch.save({"a.b": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-500])


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (bomb, "larger than itself|compressed zip"),
        (overlapping, "larger than itself"),
        (program, "TorchScript"),
        (other_zip, "without torch's data.pkl"),
        (big_endian, "big-endian"),
        (cut, "damaged"),
        (lambda path: path.write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.N."), "not a whole pickle|not known"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "damaged zip"),
        (lambda path: path.touch(), "not a whole pickle"),
    ],
)
def test_a_file_that_torch_did_not_write_is_refused(tmp_path: Path, write: Callable[[Path], object], words: str) -> None:
    write(tmp_path / "a.pth")
    with pytest.raises(SalvageError, match=words):
        opened(tmp_path / "a.pth")


def test_a_damaged_byte_among_the_weights_is_noticed(tmp_path: Path) -> None:
    torch.save({"a.b": torch.ones(1000)}, tmp_path / "a.pth")
    data = bytearray((tmp_path / "a.pth").read_bytes())
    data[data.index(b"\x00\x00\x80?\x00\x00\x80?") + 2] ^= 1
    (tmp_path / "a.pth").write_bytes(data)
    file = opened(tmp_path / "a.pth")
    with pytest.raises(SalvageError, match=r"damaged: .*CRC"):
        file.tensor(file.root["a.b"]).load()


def test_a_file_that_claims_everything_takes_no_memory(tmp_path: Path) -> None:
    """In a process that may have 600 MiB more than it has: nothing is allocated for a claim of 2^40 numbers."""
    claims(tmp_path / "a.pth", count=1 << 40, shape=(1 << 20, 1 << 20), stride=(1 << 20, 1))
    (tmp_path / "b.pth").write_bytes(b"\x80\x04\x8e" + (1 << 50).to_bytes(8, "little") + b"x.")
    code = """
import resource, sys
from pathlib import Path
from train.salvage import torch_file
from train.errors import SalvageError
used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (600 << 20), -1))
for path in map(Path, sys.argv[1:]):
    try:
        file = torch_file.open_file(path, open(path, 'rb'))
        file.tensor(file.root).load()
    except SalvageError as error:
        print('refused:', error)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.pth", tmp_path / "b.pth"], capture_output=True, text=True)
    assert done.stdout.count("refused:") == 2, done.stderr
