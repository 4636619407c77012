"""HTTPS for a studio that is opened from elsewhere."""

import ssl
from pathlib import Path

from ..certificate import own_certificate

_FILE = "studio-https.pem"


def make_tls(folder: Path, hosts: list[str]) -> ssl.SSLContext:
    """Returns what a server needs for HTTPS, with a certificate that is kept for the next time.

    A browser warns of it once, because nobody else vouches for it, and again of every other one.

    Args:
        folder: A folder of the user's own, which is created if it does not exist.
        hosts: The names and addresses of this machine.

    Raises:
        OSError: The certificate cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / _FILE
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own_certificate(file, hosts)
    context.load_cert_chain(file)
    return context
