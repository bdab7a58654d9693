"""The root's certificate authority, as OpenSSL judges it in a real handshake."""

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local_sagemaker.identity.certificate_authority import CertificateAuthority, shape
from local_sagemaker.protocol import aws_names


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


@pytest.mark.parametrize(
    "host",
    ["sts.us-east-1.amazonaws.com", "a.bucket.s3.amazonaws.com", *(f"sts.xx-xx-1.{domain}" for domain in aws_names.DOMAINS)],
)
def test_it_vouches_for_awss_names_one_at_a_time(tmp_path: Path, host: str) -> None:
    authority = CertificateAuthority(tmp_path)
    handshake(authority, host, host)
    with pytest.raises(ssl.SSLError, match="Hostname mismatch"):
        handshake(authority, host, "iam.amazonaws.com")


@pytest.mark.parametrize(
    "host", ["example.com", "amazonaws.com.example.com", "localhost", "xamazonaws.com", "aws", "a.aws", "ic.gov"]
)
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


def other_pairs() -> dict[str, bytes]:
    """Authorities of other shapes, PEM: each would be taken by OpenSSL, and vouch for more or for nothing."""
    key, other, now = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local SageMaker")])
    first = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(now - timedelta(days=1))
    blank = first.not_valid_after(now + timedelta(days=3650))
    basic = blank.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    narrow = x509.NameConstraints([x509.DNSName("amazonaws.com")], None)
    shapes = {
        "no extensions": blank,
        "no identifier": basic.add_extension(narrow, True),
        "no constraint": basic.add_extension(own_id, False),
    }
    shapes["other names"] = shapes["no identifier"].add_extension(own_id, False)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pairs = {what: one.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + secret for what, one in shapes.items()}
    right = blank
    for extension, critical in shape(key.public_key()):
        right = right.add_extension(extension, critical)
    stranger = right.sign(other, hashes.SHA256()).public_bytes(Encoding.PEM) + secret
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    signed = right.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    old = first.not_valid_after(now + timedelta(days=30))
    for extension, critical in shape(key.public_key()):
        old = old.add_extension(extension, critical)
    return pairs | {
        "signed by another": stranger,
        "a key with a password": signed + locked,
        "soon too old": old.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + secret,
        "right": signed + secret,
    }


def test_a_pair_of_another_shape_gives_way_to_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "certificate-authority.pem"
    for what, pem in other_pairs().items():
        file.write_bytes(pem)
        authority = CertificateAuthority(tmp_path)
        assert (authority.certificate() in pem) == (what == "right"), what
        handshake(authority, "sts.amazonaws.com", "sts.amazonaws.com")
        with pytest.raises(ssl.SSLError, match="permitted subtree violation"):
            handshake(authority, "example.com", "example.com")


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
