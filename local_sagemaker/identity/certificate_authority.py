"""A certificate authority of the root: it vouches for AWS's host names, and for nothing else, to whoever was told to trust it.

Programs that `kennel env` points at this server trust it, and no other ones do: it is put into no store of the machine. What it
may vouch for stands in it as a name constraint, which OpenSSL and others hold it to, so even its key is of no use elsewhere.
"""

import contextlib
import os
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.aws_names import DOMAINS

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_YEARS, _DAYS = 10, 365
_PAST = timedelta(days=1)
"""Clocks of containers may be a little behind."""


class CertificateAuthority:
    """The authority of a root, which only its owner may enter. Thread-safe. The first certificate takes a tenth of a second."""

    def __init__(self, root: Path) -> None:
        self._file = root / "certificate-authority.pem"
        self._lock = threading.Lock()
        self._own: tuple[x509.Certificate, EllipticCurvePrivateKey] | None = None
        self.context = lru_cache(maxsize=128)(self._context)
        """An ssl.SSLContext of a server with one of these host names."""

    def certificate(self) -> bytes:
        """The authority's own certificate, PEM; made where there is none. Raises OSError."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._authority()[0].public_bytes(Encoding.PEM)

    def _authority(self) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
        with self._lock:
            if self._own is None:
                with contextlib.suppress(FileNotFoundError):  # and a broken one gives way to a new one
                    self._own = _read(self._file.read_bytes())
            if self._own is None:
                self._own = _make()
                _write(self._file, _pem(*self._own))
            return self._own

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=self._file.parent, prefix=".certificate-") as file:  # ssl reads files only
            file.write(_pem(*_issue(host, *self._authority())))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _make() -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local SageMaker")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _PAST)
        .not_valid_after(now + timedelta(days=365 * _YEARS))
    )
    for extension, critical in shape(key.public_key()):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()), key


def shape(key: "EllipticCurvePublicKey") -> "list[tuple[x509.ExtensionType, bool]]":
    """What the authority's certificate says of its key: each extension, and whether who does not know that must refuse all."""
    from cryptography import x509

    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage |= {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    names = [x509.DNSName(domain) for domain in DOMAINS]
    return [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(**usage), True),
        (x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
    ]


def _issue(
    host: str, authority: "x509.Certificate", signer: "EllipticCurvePrivateKey"
) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    signer_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder(authority.subject, x509.Name([]), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _PAST)
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer_id), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()), key


def _pem(certificate: "x509.Certificate", key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(pem: bytes) -> "tuple[x509.Certificate, EllipticCurvePrivateKey] | None":
    """Certificate and key of a file; None where they are no pair, of another shape than those made here, or soon too old."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificate, key = x509.load_pem_x509_certificate(pem), load_pem_private_key(pem, None)
        if not isinstance(key, EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            return None
        certificate.verify_directly_issued_by(certificate)
        said = [(extension.value, extension.critical) for extension in certificate.extensions]
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.DuplicateExtension):
        return None
    lasts = datetime.now(UTC) < certificate.not_valid_after_utc - timedelta(days=_DAYS)
    return (certificate, key) if lasts and said == shape(key.public_key()) else None


def _write(path: Path, pem: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(pem)
    aside.replace(path)
