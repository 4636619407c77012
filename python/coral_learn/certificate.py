"""A certificate that this machine makes for itself, for others who know it by nothing else."""

import datetime
import ipaddress
import os
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS = 825  # the longest that Apple's devices accept


def own_certificate(file: Path, hosts: list[str]) -> None:
    """Makes a private key and a certificate in a file, unless it has them for these hosts already.

    Only the owner can read the file.

    Args:
        file: The file, in PEM: the key, then the certificate.
        hosts: The names and addresses of this machine.

    Raises:
        OSError: The file cannot be written.
    """
    if not file.exists() or not _is_for(file, hosts):
        _write_secret(file, _make_certificate(hosts))


def _is_for(file: Path, hosts: list[str]) -> bool:
    """Tells whether a certificate is valid now, for all of these hosts."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    known = {str(name.value) for name in names}
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    return known >= set(hosts) and certificate.not_valid_after_utc > soon


def _make_certificate(hosts: list[str]) -> bytes:
    """Returns a private key and a certificate that it signed itself, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"coral-learn on {_machine()}")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a board's clock may be behind
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, hosts))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem + certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _machine() -> str:
    return socket.gethostname()[:40]


def _write_secret(file: Path, content: bytes) -> None:
    """Writes a file that nobody else may read."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    temporary.replace(file)
