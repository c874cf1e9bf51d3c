"""One post: to the address that was judged, for the name of the URL, under one deadline, and no farther."""

import gzip
import itertools
import queue
import ssl
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import standardwebhooks
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from http_client.egress import Egress, Target
from http_client.errors import NoAnswer
from ledger.callback_format import signing_key
from tests.calm import Stopwatch
from tests.receiver import Receiver, answering, receiving
from worker import callbacks
from worker.callbacks import post, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAME = "hooks.example.com"


def target_of(receiver: Receiver, host: str = NAME) -> Target:
    scheme, _, rest = receiver.url.partition("://")
    port = rest.partition(":")[2].partition("/")[0]
    return Egress({"127.0.0.1/32"}, lambda *_: ["127.0.0.1"]).target(f"{scheme}://{host}:{port}/bell?a=1")


def test_the_receiver_can_verify_it_with_the_library_of_the_scheme() -> None:
    body = '{"type":"notification.delivered","who":"Ādä"}'.encode()
    headers = signed_headers("n_1_delivered_2", body, signing_key(SECRET), time.time())
    assert standardwebhooks.Webhook(SECRET).verify(body, headers)["type"] == "notification.delivered"
    for tampered in ({**headers, "webhook-id": "x"}, {**headers, "webhook-timestamp": str(int(time.time()) - 9)}):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(SECRET).verify(body, tampered)


def test_it_goes_to_the_address_and_names_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # a proxy would look the name up once more
    with receiving() as receiver:
        target = target_of(receiver)
        assert post(target, {"webhook-id": "x"}, b"{}") == 204
    [received] = receiver.received
    assert (received.path, received.headers["host"], received.body) == ("/bell?a=1", target.host_header, b"{}")
    assert received.headers["host"].startswith(NAME)
    assert "authorization" not in received.headers


def test_somebody_s_netrc_is_not_looked_into(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login ada password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with receiving() as receiver:
        post(target_of(receiver), {}, b"{}")
    assert "authorization" not in receiver.received[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as other, receiving(answering(status, Location=other.url)) as receiver:
        assert post(target_of(receiver), {}, b"{}") == status
    assert (len(receiver.received), len(other.received)) == (1, 0)


def test_of_a_long_answer_no_more_is_read_than_its_beginning() -> None:
    written = itertools.count()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(10_000):
                handler.wfile.write(b"x" * 65_536)
                next(written)
        except OSError:
            handler.close_connection = True

    with receiving(endless) as receiver:
        assert post(target_of(receiver), {}, b"{}") == 200
    assert next(written) < 500, "what the kernels' buffers hold"


def test_an_answer_that_claims_to_be_packed_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(60_000_000), 9)
    with receiving(answering(200, bomb, **{"Content-Encoding": "gzip"})) as receiver:
        tracemalloc.start()
        try:
            assert post(target_of(receiver), {}, b"{}") == 200
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
    assert signed_headers("n", b"{}", b"k", 0)["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b"thank you")])
def test_a_connection_is_closed_and_not_reset_after_a_complete_answer(status: int, body: bytes) -> None:
    ends: queue.Queue[bytes | OSError] = queue.Queue()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answering(status, body)(handler)
        handler.wfile.flush()
        try:
            ends.put(handler.connection.recv(1))
        except OSError as error:
            ends.put(error)

    with receiving(answer) as receiver:
        assert post(target_of(receiver), {}, b"{}") == status
        assert ends.get(timeout=60) == b""


def test_an_answer_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "ANSWER_SECONDS", 0.4)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            for _ in range(100):
                handler.wfile.write(b"H")
                time.sleep(0.05)
        except OSError:
            handler.close_connection = True

    with receiving(drip) as receiver:
        watch = Stopwatch()
        with pytest.raises(NoAnswer):
            post(target_of(receiver), {}, b"{}")
        assert watch.calm_seconds < 3


# -- TLS


def certificate(folder: Path, name: str) -> Path:
    """A certificate that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return path


@pytest.mark.parametrize(("host", "is_taken"), [(NAME, True), ("other.example.com", False), ("127.0.0.1", False)])
def test_the_certificate_must_be_that_of_the_name_in_the_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_taken: bool
) -> None:
    file = certificate(tmp_path, NAME)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    with receiving(tls=tls) as receiver:
        if is_taken:
            assert post(target_of(receiver, host), {}, b"{}") == 204
            assert names == [NAME]
        else:
            with pytest.raises(NoAnswer):
                post(target_of(receiver, host), {}, b"{}")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate(tmp_path, NAME))
    with receiving(tls=tls) as receiver, pytest.raises(NoAnswer):
        post(target_of(receiver), {}, b"{}")
    assert receiver.received == []
