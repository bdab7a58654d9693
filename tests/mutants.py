"""Plants a fault at a limit, one at a time, and runs the tests that hold the limit: each has to fail. `make mutants` runs it.

A limit that no test touches on both sides survives here, is named, and makes the exit status 1. Not part of `make test`: every
fault is a run of tests. With names as arguments only the faults whose file or line holds one of them are planted.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("contract", "train", "serve", "rules", "scripts", "local_sagemaker", "docker", "docs", "tests")
TIMEOUT = 300.0
"""Seconds for the tests of one fault: a fault that makes them hang is found as well."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`code`, which is in `file` once, becomes `fault`; `tests` are pytest's arguments."""

    file: str
    code: str
    fault: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.code.strip()} -> {self.fault.strip()}"


def off_by_one(file: str, code: str, *tests: str) -> Fault:
    """The comparison in `code` takes its limit in, or leaves it out: `>` becomes `>=`, `>=` becomes `>`, and so on."""
    for old, new in ((">=", ">"), ("<=", "<"), (" > ", " >= "), (" < ", " <= ")):
        if old in code:
            return Fault(file, code, code.replace(old, new, 1), tests)
    raise ValueError(f"no comparison in {code!r}")


ARCHIVE = ("tests/contract/test_archive.py",)
PICTURE = ("tests/contract/pictures/test_picture.py",)
PAGES = ("tests/local_sagemaker/protocol/test_pages.py",)
LOGS = ("tests/local_sagemaker/logs/test_cloudwatch_logs.py",)
SIGNATURE = ("tests/local_sagemaker/protocol/test_signature.py",)
VALIDATION = ("tests/local_sagemaker/protocol/test_validation.py",)
S3 = ("tests/local_sagemaker/s3/test_s3.py", "-k", "part or list or bucket")
TRAILERS = ("tests/local_sagemaker/s3/test_s3.py", "-k", "trailers")
CONNECTION = ("tests/serve/http/test_client_connection.py",)
DISPATCHER = ("tests/serve/workers/test_dispatcher.py",)

FAULTS = (
    off_by_one("contract/archive.py", "if count > limits.members:", *ARCHIVE),
    off_by_one("local_sagemaker/s3/upload_body.py", "len(self.trailers) >= TRAILERS", *TRAILERS),
    off_by_one("contract/archive.py", "if total > limits.bytes:", *ARCHIVE),
    off_by_one("contract/archive.py", 'errors="surrogateescape")) > NAME_BYTES', *ARCHIVE),
    off_by_one("contract/manifest.py", "path.stat().st_size > _MANIFEST_LIMIT", "tests/contract/test_manifest.py"),
    off_by_one("contract/precision.py", "accuracy[name] >= least", "tests/contract/test_precision.py"),
    Fault(
        "local_sagemaker/s3/conditions.py",
        "length = min(int(last), info.size)",
        "length = int(last)",
        ("tests/local_sagemaker/s3/test_conditions.py",),
    ),
    off_by_one("local_sagemaker/s3/conditions.py", "if length <= 0:", "tests/local_sagemaker/s3/test_conditions.py"),
    off_by_one("local_sagemaker/protocol/pages.py", "if len(ordered) <= limit:", *PAGES),
    off_by_one("local_sagemaker/protocol/pages.py", 'created > request.get("CreationTimeAfter"', *PAGES),
    off_by_one("local_sagemaker/s3/buckets.py", "if len(names) > limit else None", *S3),
    off_by_one("local_sagemaker/logs/cloudwatch_logs.py", "for _, message in events) > PAGE_BYTES:", *LOGS),
    off_by_one("local_sagemaker/logs/cloudwatch_logs.py", "if len(items) > start + limit else None", *LOGS),
    off_by_one(
        "local_sagemaker/protocol/bodies.py", "len(body) + len(piece) > limit:", "tests/local_sagemaker/protocol/test_bodies.py"
    ),
    off_by_one("local_sagemaker/protocol/signature.py", "now > claim.expires:", *SIGNATURE),
    off_by_one("local_sagemaker/protocol/signature.py", "abs(now - _seconds(claim.moment)) > SKEW:", *SIGNATURE),
    off_by_one("local_sagemaker/protocol/signature.py", "int(length) > _EXPIRES_LIMIT:", *SIGNATURE),
    off_by_one("local_sagemaker/protocol/validation.py", 'abs(value) >= 2 ** (31 if kind == "integer" else 63)', *VALIDATION),
    off_by_one("local_sagemaker/protocol/validation.py", "length > most:", *VALIDATION),
    off_by_one("local_sagemaker/protocol/validation.py", "value > most:", *VALIDATION),
    off_by_one("local_sagemaker/storage/multipart_uploads.py", "if part.size < LEAST_PART:", *S3),
    off_by_one("serve/http/client_connection.py", "if over > 0:", *CONNECTION),
    off_by_one("serve/http/client_connection.py", "self._in_head and self._head_size > HEAD_LIMIT:", *CONNECTION),
    off_by_one("serve/http/client_connection.py", "self._header_size + len(exchange.target) > HEAD_LIMIT:", *CONNECTION),
    off_by_one("serve/http/client_connection.py", "len(exchange.body) + len(data) > self._config.body_limit:", *CONNECTION),
    off_by_one("serve/workers/dispatcher.py", "len(self._waiting) + len(self._in_hand()) >= self._limit:", *DISPATCHER),
    off_by_one("serve/frontend.py", "if int(length) > limit:", "tests/serve/test_frontend.py"),
    off_by_one("serve/http/port.py", "self._held + size > self.config.upload_budget:", "tests/serve/test_frontend.py"),
    off_by_one(
        "contract/weights/safetensors_header.py",
        "length > min(HEADER_LIMIT, size - 8)",
        "tests/contract/weights/test_safetensors_header.py",
    ),
    off_by_one(
        "serve/classifier/json_body.py", '(b",", b"[", b"{")) > _STRUCTURE_LIMIT:', "tests/serve/classifier/test_json_body.py"
    ),
)


def run(tests: tuple[str, ...], tree: Path) -> tuple[int, str]:
    """Pytest's exit status and last line, on the copy. Raises TimeoutExpired."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    return done.returncode, "".join(done.stdout.strip().splitlines()[-1:])


def survives(fault: Fault, tree: Path) -> str:
    """Plants a fault in a copy of the project; returns why it was not found, or "". The copy is whole again afterwards."""
    path = tree / fault.file
    text = path.read_text()
    if text.count(fault.code) != 1:
        return f"the line is there {text.count(fault.code)} times; name its successor in tests/mutants.py"
    path.write_text(text.replace(fault.code, fault.fault))
    try:
        try:
            status, last = run(fault.tests, tree)
        except subprocess.TimeoutExpired:
            return ""
        # 1 is a failed test. Anything else but 0 is no verdict: nothing collected, or a wrong argument.
        return "" if status == 1 else f"pytest ended with {status}: {last}"
    finally:
        path.write_text(text)


def main(words: list[str]) -> int:
    """Plants every fault; prints one line each; 1 when one survives."""
    chosen = [fault for fault in FAULTS if not words or any(word in str(fault) for word in words)]
    with tempfile.TemporaryDirectory(prefix="kennel-mutants-") as folder:
        tree = Path(folder) / "project"
        for part in PARTS:
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "Makefile", "README.md"):
            shutil.copy2(ROOT / name, tree / name)
        for tests in dict.fromkeys(fault.tests for fault in chosen):
            status, last = run(tests, tree)
            if status:
                print(f"without a fault {' '.join(tests)} ends with {status}: {last}; mend that first")
                return 2
        alive = 0
        for fault in chosen:
            began = time.monotonic()
            why = survives(fault, tree)
            alive += bool(why)
            print(
                f"{'SURVIVES' if why else 'killed  '} {time.monotonic() - began:4.0f} s  {fault}{'  ' + why if why else ''}",
                flush=True,
            )
    print(f"{len(chosen) - alive} of {len(chosen)} planted faults were found")
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
