"""Whom a fleet trusts: the certificate of the coordinator, and how boards know it."""

import hashlib
import hmac
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from ..addresses import reachable_host
from ..certificate import own_certificate
from ..files import write_atomically
from ..machine import cache_folder

_CODE_BYTES = 16  # of the SHA-256 of a certificate: nobody finds another one with the same
_SECONDS = 10.0


@dataclass(frozen=True)
class Certificate:
    """The files that a coordinator shows who it is with.

    Attributes:
        certificate: The certificate, in PEM.
        key: The private key.
        authority: The certificate that boards check it with.
    """

    certificate: Path
    key: Path
    authority: Path


def own_certificate_of(host: str) -> Certificate:
    """Returns a certificate that this machine makes for itself, and keeps.

    Args:
        host: The address that the coordinator listens on.

    Raises:
        OSError: It cannot be written.
    """
    folder = cache_folder() / "fleet"
    folder.mkdir(parents=True, exist_ok=True)
    both = folder / "key-and-certificate.pem"
    name = socket.gethostname()
    own_certificate(both, sorted({"localhost", "127.0.0.1", reachable_host(host), name}))
    public = folder / "certificate.pem"
    text = both.read_text(encoding="ascii")
    write_atomically(public, text[text.index("-----BEGIN CERTIFICATE") :].encode())
    return Certificate(public, both, public)


def code_of(certificate: Path) -> str:
    """Returns what a person types to name a certificate: 128 bits of its SHA-256, in groups."""
    return _code(ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii")))


def fetch_certificate(host: str, port: int, code: str, file: Path) -> None:
    """Writes the certificate that a coordinator shows into a file, if it is the one of a code.

    Raises:
        ValueError: The code is no code, the coordinator shows another certificate, or it cannot be
            reached.
        OSError: The file cannot be written.
    """
    given = re.sub(r"[^0-9a-f]", "", code.lower())
    if len(given) != 2 * _CODE_BYTES:
        raise ValueError(
            f"{code!r} is no code of a fleet. Type what `coral-learn fleet serve` prints, "
            "8 groups of 4."
        )
    try:
        pem = ssl.get_server_certificate((host, port), timeout=_SECONDS)
    except ssl.SSLError as error:
        raise ValueError(
            f"{host}:{port} does not encrypt. Start `coral-learn fleet serve` there without "
            "--plain, or join with --plain."
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(_unreachable(host, port, error)) from error
    if not hmac.compare_digest(_code(ssl.PEM_cert_to_DER_cert(pem)).replace("-", ""), given):
        raise ValueError(
            f"{host}:{port} shows another certificate than that of this code: it is another "
            "machine, or somebody is between. Compare the code with what `coral-learn fleet "
            "serve` prints."
        )
    write_atomically(file, pem.encode())


def check_server(host: str, port: int, authority: Path | None) -> None:
    """Checks that a coordinator can be reached, and shows the right certificate.

    Args:
        host: Its name or address.
        port: Its port.
        authority: The certificate to check it with; None for no TLS.

    Raises:
        ValueError: It cannot be reached, or is another one.
        OSError: The file cannot be read.
    """
    context = None
    if authority is None:
        if _encrypts(host, port):
            raise ValueError(
                f"{host}:{port} encrypts. Give --code with what `coral-learn fleet serve` prints, "
                "or --certificate FILE."
            )
    else:
        authority.read_bytes()  # a clear error where it is missing
        try:
            context = ssl.create_default_context(cafile=authority)
        except ssl.SSLError as error:
            raise ValueError(f"{authority} is not a certificate in PEM ({error})") from error
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as plain:
            if context is not None:
                context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        raise ValueError(
            f"{host}:{port} shows a certificate that {authority} does not vouch for "
            f"({error.verify_message})"
        ) from error
    except OSError as error:
        raise ValueError(_unreachable(host, port, error)) from error


def _encrypts(host: str, port: int) -> bool:
    try:
        ssl.get_server_certificate((host, port), timeout=_SECONDS)
    except (OSError, ValueError):
        return False
    return True


def split_address(address: str) -> tuple[str, int]:
    """Returns host and port of ``HOST:PORT``.

    Raises:
        ValueError: It is something else.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not HOST:PORT, such as 192.168.1.5:9092")
    return host, int(port)


def _code(der: bytes) -> str:
    digits = hashlib.sha256(der).hexdigest()[: 2 * _CODE_BYTES]
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _unreachable(host: str, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"no fleet answers at {host}:{port} ({reason}). Start one with `coral-learn fleet serve`, "
        "and check the address and the firewall."
    )
