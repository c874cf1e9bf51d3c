"""A private certificate authority for one test, and a proxy that speaks TLS, which the embedded Valkey does not."""

import asyncio
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "TlsProxy"]

_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
_CHUNK_BYTES = 64 * 1024
#: For the proxy's thread to listen, and to end, seconds.
_THREAD_SECONDS = 10


class Authority:
    """`file` is what its clients trust."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        ca = x509.BasicConstraints(ca=True, path_length=0)
        own = self._begun(self._name, self._key).add_extension(ca, critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.public_bytes(_PEM))

    def certificate(self, address: str) -> Path:
        """For a server at this IP address: its certificate and its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        made = self._begun(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        path = self._folder / f"{self.file.stem} {address}.pem"
        plain = key.private_bytes(_PEM, _PKCS8, serialization.NoEncryption())
        path.write_bytes(made.public_bytes(_PEM) + plain)
        return path

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        own_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        begun = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        begun = begun.serial_number(x509.random_serial_number())
        begun = begun.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(hours=1))
        begun = begun.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_id)
        return begun.add_extension(issuer, critical=False)


class TlsProxy:
    """Listens on a free port of the loopback, in a thread of its own, and passes on to a server without TLS."""

    def __init__(self, certificate: Path, port_behind: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._port_behind = port_behind
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="TLS proxy", daemon=True)
        self.port = 0
        self.heard = bytearray()  #: of what was said to it behind a handshake, the beginning of each connection
        self.greeted = 0  #: handshakes that began
        self._context.sni_callback = self._count

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(_THREAD_SECONDS):
            raise RuntimeError("the proxy does not listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_THREAD_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # handshakes that fail are what is tested
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()

    def _count(self, *_: object) -> None:
        self.greeted += 1

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._port_behind)
        try:
            first = await reader.read(_CHUNK_BYTES)
            self.heard += first
            behind_writer.write(first)
            await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))
        finally:
            for each in (writer, behind_writer):
                each.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
    except OSError:
        pass  # a connection that broke is over, whatever the reason
    finally:
        writer.close()
