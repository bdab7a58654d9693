"""What is in an image's file system, file by file, without the times at which it was written."""

import hashlib
import marshal
import subprocess
import tarfile

from scripts.images.docker_engine import ask, program


def of_image(image: str) -> dict[str, tuple[object, ...]]:
    """Path to type, mode, owner, group, link target and SHA-256 of the content of everything in the image."""
    name = ask("create", image, "true").decode().strip()
    try:
        with subprocess.Popen([program(), "export", name], stdout=subprocess.PIPE) as exporting:
            assert exporting.stdout is not None
            with tarfile.open(fileobj=exporting.stdout, mode="r|") as files:
                return {member.name: _about(files, member) for member in files}
    finally:
        ask("rm", name)


def _about(files: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[object, ...]:
    content = files.extractfile(member).read() if member.isreg() else b""
    if member.name.endswith((".dist-info/RECORD", ".dist-info/direct_url.json")):
        # They repeat the hashes of other files, and name that of a wheel which was zipped here, with the time in it.
        content = b""
    elif member.name.endswith(".pyc"):
        # What Python wrote down twice or once in a compiled file is chance: the same code is loaded.
        content = content[:16] + marshal.dumps(marshal.loads(content[16:]), 2)
    return member.type, member.mode, member.uid, member.gid, member.linkname, hashlib.sha256(content).hexdigest()
