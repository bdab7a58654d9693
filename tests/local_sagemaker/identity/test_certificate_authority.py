"""The root's certificate authority, as OpenSSL judges it in a real handshake."""

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from local_sagemaker.identity.certificate_authority import CertificateAuthority


def handshake(authority: CertificateAuthority, host: str, asked: str) -> None:
    """A client that trusts the authority alone connects to a server that claims to be `host`. Raises ssl.SSLError."""
    trusting = ssl.create_default_context(cadata=authority.certificate().decode())
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            authority.context(host).wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        trusting.wrap_socket(ours, server_hostname=asked).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("host", ["sts.us-east-1.amazonaws.com", "a.bucket.s3.amazonaws.com"])
def test_it_vouches_for_awss_names_one_at_a_time(tmp_path: Path, host: str) -> None:
    authority = CertificateAuthority(tmp_path)
    handshake(authority, host, host)
    with pytest.raises(ssl.SSLError, match="Hostname mismatch"):
        handshake(authority, host, "iam.amazonaws.com")


@pytest.mark.parametrize("host", ["example.com", "amazonaws.com.example.com", "localhost", "xamazonaws.com"])
def test_what_it_says_of_other_names_is_not_believed(tmp_path: Path, host: str) -> None:
    with pytest.raises(ssl.SSLError, match="permitted subtree violation"):
        handshake(CertificateAuthority(tmp_path), host, host)


def test_it_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    first = CertificateAuthority(tmp_path).certificate()
    assert CertificateAuthority(tmp_path).certificate() == first
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and b"PRIVATE" not in first
    CertificateAuthority(tmp_path).context("sts.amazonaws.com")
    assert list(tmp_path.iterdir()) == [file], "the key of a certificate does not stay on the disk"


@pytest.mark.parametrize("content", [b"", b"\x00garbage", "cut", "another's key"])
def test_a_broken_one_gives_way_to_a_new_one(tmp_path: Path, content: bytes | str) -> None:
    first = CertificateAuthority(tmp_path).certificate()
    file = tmp_path / "certificate-authority.pem"
    if content == "cut":
        content = file.read_bytes()[:-200]
    elif content == "another's key":
        (tmp_path / "other").mkdir()
        CertificateAuthority(tmp_path / "other").certificate()
        other = (tmp_path / "other" / file.name).read_bytes()
        content = first + other[other.index(b"-----BEGIN PRIVATE") :]
    assert isinstance(content, bytes)
    file.write_bytes(content)
    authority = CertificateAuthority(tmp_path)
    assert authority.certificate() != first
    handshake(authority, "sts.amazonaws.com", "sts.amazonaws.com")
