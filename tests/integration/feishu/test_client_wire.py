"""What real sockets do to a send, and whether the verdict says rightly if it may have been delivered."""

import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import fakeredis
import pytest

from feishu.client import FeishuClient
from feishu.codes import CodeTable, Kind
from feishu.token import RedisTokens, Token
from feishu.verdict import Verdict
from http_client import connection, transport
from ledger.settings import Desk
from tests.calm import Stopwatch
from tests.ports import free_port

CODES = CodeTable.load()
DELIVERED = b'{"code":0,"msg":"success","data":{"message_id":"om_1"}}'

Behaviour = Callable[[socket.socket], None]


class Server:
    """Accepts connections and behaves as told, one behaviour for each; the last one stays."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = behaviours
        self.accepted = 0
        self.closed = threading.Semaphore(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        # Waking accept by a connection: closing a listener does not wake it everywhere.
        self.behaviours = (lambda connection: None,)
        self.stopping = True
        socket.create_connection(self.listener.getsockname()).close()
        self._thread.join(120)
        self.listener.close()

    stopping = False

    def _serve(self) -> None:
        while not self.stopping:
            connection, _ = self.listener.accept()
            connection.settimeout(5)
            behaviour = self.behaviours[min(self.accepted, len(self.behaviours) - 1)]
            self.accepted += 1
            with connection, suppress(OSError):
                behaviour(connection)
            self.closed.release()


def request_on(connection: socket.socket) -> bytes:
    """Reads one whole request; b"" if the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (piece := connection.recv(65536))
        if not piece:
            return b""
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, status: str = "200 OK", length: int | None = None, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    return head.encode() + body


def answering(data: bytes) -> Behaviour:
    """Reads a request, answers with these bytes, and closes."""

    def behave(connection: socket.socket) -> None:
        if request_on(connection):
            connection.sendall(data)

    return behave


def keeping_alive(connection: socket.socket) -> None:
    while request_on(connection):
        connection.sendall(answer(DELIVERED))


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def resetting(connection: socket.socket) -> None:
    request_on(connection)
    reset(connection)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(clean: ExitStack) -> Callable[..., Server]:
    def start(*behaviours: Behaviour) -> Server:
        server = Server(*behaviours)
        clean.callback(server.close)
        return server

    return start


Client = Callable[..., FeishuClient]


@pytest.fixture
def client(clean: ExitStack) -> Client:
    """Makes clients that have a token already: what they call is the send alone."""

    def make(url: str, connect_seconds: float = 20.0, answer_seconds: float = 20.0) -> FeishuClient:
        desk = Desk(name="hr", app_id="cli_1", rate=(), feishu_url="http://feishu.invalid")
        desk = desk.model_copy(update={"feishu_url": url})  # also one that settings refuse
        tokens = RedisTokens(fakeredis.FakeRedis(), "bell")
        tokens.put(desk, Token("t-1", 5400))
        made = FeishuClient(desk, tokens, timeout=(connect_seconds, answer_seconds), codes=CODES)
        clean.callback(made.close)
        return made

    return make


def sent(client: FeishuClient, text: str = "hello") -> Verdict:
    return client.send("ou_1", "chat", "open_id", "text", f'{{"text":"{text}"}}')


def test_a_refused_port_is_never_sent(client: Client) -> None:
    verdict = sent(client(f"http://127.0.0.1:{free_port()}"))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "connect refused")


def test_a_name_that_no_server_knows_is_never_sent(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    verdict = sent(client("http://feishu.invalid"))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "name not found")


def test_a_wrong_address_holds_the_desk(client: Client) -> None:
    verdict = sent(client("gopher://127.0.0.1"))
    assert (verdict.kind, verdict.ended) == (Kind.DESK, "wrong address")


def test_a_reset_after_the_whole_request_is_unknown(serve: Callable[..., Server], client: Client) -> None:
    verdict = sent(client(serve(resetting).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "cut")


def test_a_connection_closed_without_an_answer_is_unknown(serve: Callable[..., Server], client: Client) -> None:
    verdict = sent(client(serve(answering(b"")).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "cut")


def test_a_request_that_left_in_part_was_not_delivered(serve: Callable[..., Server], client: Client) -> None:
    """The server resets after the first bytes, while 8 MB are still to come: more than socket buffers hold."""

    def behave(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.recv(100)
        reset(connection)

    verdict = sent(client(serve(behave).url), "x" * 8_000_000)
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "cut")


def test_an_early_refusal_of_a_big_request_is_read(serve: Callable[..., Server], client: Client) -> None:
    """A server may answer 413 and close while the body is on its way; urllib3 then still reads the answer."""

    def behave(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer(b"<html>too large</html>", "413 Payload Too Large"))
        while connection.recv(1 << 20):
            pass

    verdict = sent(client(serve(behave).url), "x" * 200_000)
    assert (verdict.kind, verdict.http_status) == (Kind.REFUSED, 413)


def test_a_cut_after_the_headers_is_unknown(serve: Callable[..., Server], client: Client) -> None:
    verdict = sent(client(serve(answering(answer(b"", length=50))).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "truncated")


def test_a_truncated_body_is_unknown_even_if_it_begins_like_a_success(
    serve: Callable[..., Server], client: Client
) -> None:
    verdict = sent(client(serve(answering(answer(DELIVERED, length=500))).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "truncated")


def test_a_truncated_chunk_is_unknown(serve: Callable[..., Server], client: Client) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + DELIVERED[:20]
    verdict = sent(client(serve(answering(data)).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "truncated")


def test_bytes_that_are_no_http_are_unknown(serve: Callable[..., Server], client: Client) -> None:
    verdict = sent(client(serve(answering(b"SSH-2.0-OpenSSH_9.6\r\n")).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "not HTTP")


def test_a_garbled_compression_is_unknown(serve: Callable[..., Server], client: Client) -> None:
    data = answer(b"\x1f\x8b\x00garbled", more="Content-Encoding: gzip\r\n")
    verdict = sent(client(serve(answering(data)).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "garbled")


def test_an_endless_answer_is_not_read_to_its_end(serve: Callable[..., Server], client: Client) -> None:
    bomb = gzip.compress(b" " * 64_000_000, 1)
    verdict = sent(client(serve(answering(answer(bomb, more="Content-Encoding: gzip\r\n"))).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "too long")


EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
TWO_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.js>\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: No server sends it, and a client must skip it all the same: RFC 9110, section 15.2.
UNKNOWN_INTERIM = b"HTTP/1.1 199 Working on it\r\nContent-Length: 5\r\n\r\n"
#: The second one is none for the short way: its body is in chunks.
PLAIN = answer(DELIVERED)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(DELIVERED), DELIVERED)


@pytest.mark.parametrize("last", [PLAIN, CHUNKED], ids=["plain", "chunked"])
@pytest.mark.parametrize(
    "interim",
    [EARLY_HINTS, TWO_HINTS, PROCESSING, CONTINUE, UNKNOWN_INTERIM, CONTINUE + PROCESSING * 3 + TWO_HINTS],
    ids=["103", "103 with two links", "102", "100", "199", "several"],
)
@pytest.mark.parametrize("way", ["direct", "proxy"])
def test_interim_answers_are_skipped(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch, interim: bytes, last: bytes, way: str
) -> None:
    """The 103 was taken for the answer: delivered, and recorded as `failed: refused, empty`."""

    def behave(connection: socket.socket) -> None:
        while request_on(connection):
            connection.sendall(interim + last)

    server = serve(behave)
    monkeypatch.setenv("http_proxy", server.url)
    made = client(server.url if way == "direct" else "http://feishu.invalid")
    assert [sent(made).kind for _ in range(2)] == [Kind.DELIVERED] * 2
    assert server.accepted == 1


def test_an_interim_answer_in_pieces_is_skipped(serve: Callable[..., Server], client: Client) -> None:
    def behave(connection: socket.socket) -> None:
        request_on(connection)
        for start in range(0, len(TWO_HINTS + PLAIN), 7):
            connection.sendall((TWO_HINTS + PLAIN)[start : start + 7])
            time.sleep(0.001)

    assert sent(client(serve(behave).url)).kind is Kind.DELIVERED


@pytest.mark.parametrize(
    ("told", "ended"),
    [
        (EARLY_HINTS, "cut"),
        (PROCESSING * 1000 + PLAIN, "not HTTP"),
        (TWO_HINTS * 1000 + PLAIN, "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n" + PLAIN, "not HTTP"),
        (b"HTTP/1.1 700 Odd\r\nContent-Length: 0\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 103 Early Hints\r\n" + b"X: y\r\n" * 1000 + b"\r\n" + PLAIN, "broken (HTTPException)"),
    ],
    ids=["no answer after it", "endless", "endless, with two links", "101", "101 with a length", "700", "many headers"],
)
def test_what_is_no_answer_at_all_is_unknown(
    serve: Callable[..., Server], client: Client, told: bytes, ended: str
) -> None:
    verdict = sent(client(serve(answering(told)).url))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, ended)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("200 OK", Kind.UNKNOWN),
        ("502 Bad Gateway", Kind.UNKNOWN),
        ("503 Service Unavailable", Kind.TRANSIENT),
        ("504 Gateway Timeout", Kind.UNKNOWN),
        ("403 Forbidden", Kind.TRANSIENT),
    ],
)
def test_a_page_of_html_is_judged_by_its_status(
    serve: Callable[..., Server], client: Client, status: str, kind: Kind
) -> None:
    verdict = sent(client(serve(answering(answer(b"<html>sorry</html>", status))).url))
    assert (verdict.kind, verdict.ended) == (kind, "not JSON")


def test_a_redirect_is_not_followed(serve: Callable[..., Server], client: Client) -> None:
    elsewhere = serve(keeping_alive)
    moved = answer(b"", "307 Temporary Redirect", more=f"Location: {elsewhere.url}/x\r\n")
    verdict = sent(client(serve(answering(moved)).url))
    assert (verdict.kind, verdict.http_status, elsewhere.accepted) == (Kind.TRANSIENT, 307, 0)


def hanging(connection: socket.socket) -> None:
    request_on(connection)
    connection.recv(1)


def dripping_body(connection: socket.socket) -> None:
    request_on(connection)
    connection.sendall(answer(b"", length=10_000))
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def dripping_headers(connection: socket.socket) -> None:
    request_on(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize("behaviour", [hanging, dripping_body, dripping_headers])
def test_no_answer_takes_longer_than_its_deadline(
    serve: Callable[..., Server], client: Client, behaviour: Behaviour
) -> None:
    watch = Stopwatch()
    verdict = sent(client(serve(behaviour).url, answer_seconds=0.3))
    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "timed out")
    assert watch.calm_seconds < 1.5
    assert 300 <= verdict.elapsed_ms <= 1000 * watch.seconds


def test_a_tls_handshake_that_stalls_is_never_sent(serve: Callable[..., Server], client: Client) -> None:
    def stall(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    url = serve(stall).url.replace("http:", "https:")
    verdict = sent(client(url, connect_seconds=0.3))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "timed out")


def closing_on_hello(connection: socket.socket) -> None:
    connection.recv(65536)


def resetting_on_hello(connection: socket.socket) -> None:
    connection.recv(65536)
    reset(connection)


def speaking_no_tls(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")


@pytest.mark.parametrize("behaviour", [closing_on_hello, resetting_on_hello, speaking_no_tls])
def test_a_tls_handshake_that_fails_is_never_sent(
    serve: Callable[..., Server], client: Client, behaviour: Behaviour
) -> None:
    verdict = sent(client(serve(behaviour).url.replace("http:", "https:"), connect_seconds=0.5))
    assert verdict.kind is Kind.TRANSIENT
    assert verdict.ended in ("TLS failed", "cut")


def test_connecting_that_took_too_long_writes_nothing(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server may hang longer than any timeout of a socket; what it held up must not be sent after all."""
    requests_seen = []
    real = socket.getaddrinfo

    def slow(*args: object, **kwargs: object) -> object:
        time.sleep(0.15)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server = serve(lambda connection: requests_seen.append(request_on(connection)))
    verdict = sent(client(server.url, connect_seconds=0.1))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "connect timed out")
    assert not any(requests_seen)


def test_a_connection_is_used_again(serve: Callable[..., Server], client: Client) -> None:
    server = serve(keeping_alive)
    made = client(server.url)
    assert [sent(made).kind for _ in range(3)] == [Kind.DELIVERED] * 3
    assert server.accepted == 1


def test_a_connection_that_the_server_closed_while_idle_costs_nothing(
    serve: Callable[..., Server], client: Client
) -> None:
    server = serve(answering(answer(DELIVERED)))
    made = client(server.url)
    for _ in range(3):
        assert sent(made).kind is Kind.DELIVERED
        assert server.closed.acquire(timeout=120)
    assert server.accepted == 3


def test_a_connection_idle_for_long_is_not_trusted(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(keeping_alive)
    made = client(server.url)
    assert sent(made).kind is Kind.DELIVERED
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.0)
    assert sent(made).kind is Kind.DELIVERED
    assert server.accepted == 2


def test_the_proxy_of_the_environment_is_used_but_not_towards_this_machine(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def proxy(connection: socket.socket) -> None:
        seen.append(request_on(connection))
        connection.sendall(answer(DELIVERED))

    monkeypatch.setenv("http_proxy", serve(proxy).url)
    assert sent(client("http://feishu.invalid")).kind is Kind.DELIVERED
    assert seen[0].startswith(b"POST http://feishu.invalid/open-apis/helpdesk/v1/message?user_id_type=open_id ")
    assert sent(client(serve(keeping_alive).url)).kind is Kind.DELIVERED
    assert len(seen) == 1


def test_a_proxy_that_refuses_the_tunnel_has_sent_nothing(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answering(answer(b"", "407 Proxy Authentication Required")))
    monkeypatch.setenv("https_proxy", proxy.url)
    verdict = sent(client("https://feishu.invalid"))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "proxy failed")


def test_a_proxy_that_stalls_is_given_up_in_time(
    serve: Callable[..., Server], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(connection: socket.socket) -> None:
        request_on(connection)
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: "[:1])
            time.sleep(0.02)

    monkeypatch.setenv("https_proxy", serve(drip).url)
    watch = Stopwatch()
    assert sent(client("https://feishu.invalid", connect_seconds=0.3)).kind is Kind.TRANSIENT
    assert watch.calm_seconds < 1.5


def test_a_socks_proxy_is_refused_rather_than_passed_by(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
    verdict = sent(client("https://feishu.invalid"))
    assert (verdict.kind, verdict.ended) == (Kind.DESK, "wrong address")


def test_a_netrc_does_not_replace_the_token(
    serve: Callable[..., Server],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine feishu.invalid login me password hunter2\n")
    seen = []

    def proxy(connection: socket.socket) -> None:
        seen.append(request_on(connection))
        connection.sendall(answer(DELIVERED))

    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", serve(proxy).url)
    assert sent(client("http://feishu.invalid")).kind is Kind.DELIVERED
    assert b"Authorization: Bearer t-1\r\n" in seen[0]
    assert b"Basic" not in seen[0]


def test_each_thread_has_its_own_connection(serve: Callable[..., Server], client: Client) -> None:
    server = serve(answering(answer(DELIVERED)))
    made = client(server.url)
    kinds = []

    def run() -> None:
        kinds.append(sent(made).kind)
        made.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert kinds == [Kind.DELIVERED] * 4
    assert server.accepted == 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file, made by the openssl command."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command")
    path = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path / "key"), "-out", str(path / "cert")]
    subprocess.run([openssl, *options.split(), *names], check=True, capture_output=True, timeout=120)
    (path / "both.pem").write_bytes((path / "key").read_bytes() + (path / "cert").read_bytes())
    return path / "both.pem"


def over_tls(certificate: Path, behaviour: Behaviour) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            behaviour(secured)

    return behave


def test_the_same_holds_over_tls(
    serve: Callable[..., Server], client: Client, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_is_loopback", lambda host: False)  # else the variable of the CA file is not read
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    behaviours = [keeping_alive, answering(b""), resetting, answering(answer(DELIVERED, length=500)), hanging]
    server = serve(*(over_tls(certificate, behaviour) for behaviour in behaviours))
    made = client(server.url.replace("http:", "https:"), answer_seconds=0.5)
    assert [sent(made).kind for _ in range(2)] == [Kind.DELIVERED] * 2
    made.close()
    told = [sent(made) for _ in behaviours[1:]]
    assert {verdict.kind for verdict in told} == {Kind.UNKNOWN}
    assert [verdict.ended for verdict in told][-2:] == ["truncated", "timed out"]
    assert server.accepted == 5


class DeadWay:
    """Between the caller and a server that reads nothing until the way is healed: then all that comes after all."""

    def __init__(self) -> None:
        self.healed = threading.Event()
        self.arrived = b""

    def behave(self, connection: socket.socket) -> None:
        self.healed.wait(120)
        with suppress(OSError):  # the connection is reset
            while piece := connection.recv(1 << 20):
                self.arrived += piece


#: Characters of a text that fills the buffers of both sides, and yet goes whole into the caller's own.
MORE_THAN_ARRIVES = 100_000


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers take in little that nobody reads, and so do not acknowledge it."""
    create = socket.create_server

    def create_narrow(*args: object) -> socket.socket:
        listener = create(*args)  # type: ignore[arg-type]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return listener

    monkeypatch.setattr(socket, "create_server", create_narrow)


@pytest.mark.parametrize("way", ["direct", "proxy", "TLS"])
def test_a_call_that_is_given_up_does_not_arrive_later(
    narrow: None,
    serve: Callable[..., Server],
    client: Client,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """The kernel went on sending what had been written: calls of 20 s ago came in a heap, above the quota."""
    dead = DeadWay()
    server = serve(over_tls(certificate, dead.behave) if way == "TLS" else dead.behave)
    url = {"direct": server.url, "proxy": "http://feishu.invalid", "TLS": server.url.replace("http:", "https:")}[way]
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setattr(transport, "_is_loopback", lambda host: way == "direct")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    verdict = sent(client(url, answer_seconds=0.5), "x" * MORE_THAN_ARRIVES)
    dead.healed.set()

    assert (verdict.kind, verdict.ended) == (Kind.UNKNOWN, "timed out")
    assert server.closed.acquire(timeout=120)
    assert len(dead.arrived) < MORE_THAN_ARRIVES


def test_a_connection_with_a_whole_answer_is_closed_in_peace(serve: Callable[..., Server], client: Client) -> None:
    ends = []

    def behave(connection: socket.socket) -> None:
        for _ in range(2):
            request_on(connection)
            connection.sendall(answer(DELIVERED))
        ends.append(connection.recv(1))

    server = serve(behave)
    made = client(server.url)
    assert [sent(made).kind for _ in range(2)] == [Kind.DELIVERED] * 2
    made.close()
    assert server.closed.acquire(timeout=120)
    assert ends == [b""]


def test_what_is_left_of_an_answer_is_not_taken_for_the_next(serve: Callable[..., Server], client: Client) -> None:
    """An answer in chunks that comes too slowly leaves its rest behind on the connection."""

    def behave(connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        time.sleep(0.6)
        with suppress(OSError):
            connection.sendall(answer(DELIVERED))
            request_on(connection)

    server = serve(behave, keeping_alive)
    made = client(server.url, answer_seconds=0.4)
    assert [sent(made).kind for _ in range(2)] == [Kind.UNKNOWN, Kind.DELIVERED]
    assert server.accepted == 2


def test_a_certificate_that_nobody_vouches_for_is_never_sent_to(
    serve: Callable[..., Server], client: Client, certificate: Path
) -> None:
    server = serve(over_tls(certificate, keeping_alive))
    verdict = sent(client(server.url.replace("http:", "https:")))
    assert (verdict.kind, verdict.ended) == (Kind.TRANSIENT, "TLS failed")
