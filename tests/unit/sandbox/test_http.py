"""The sandbox as a server: raw HTTP on a socket, the process it is, and the vendor's own client."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

import sandbox

TOKEN_REQUEST = (
    b"POST /open-apis/auth/v3/tenant_access_token/internal HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
)
CREDENTIALS = b'{"app_id":"cli_sandbox","app_secret":"sandbox-secret"}'
NOT_FOUND = b"GET /open-apis/nothing HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with sandbox.running("--rate", "unlimited") as url:
        yield url


@pytest.fixture
def connection(base_url: str) -> Iterator[socket.socket]:
    with socket.create_connection(address(base_url), timeout=10) as connection:
        yield connection


def address(base_url: str) -> tuple[str, int]:
    parts = urlsplit(base_url)
    return str(parts.hostname), int(parts.port or 0)


def token_request(body: bytes = CREDENTIALS) -> bytes:
    return TOKEN_REQUEST % (len(body), body)


def answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """The next `count` answers of the connection, each as status and body."""
    reader = connection.makefile("rb")
    found = []
    for _ in range(count):
        status = int(reader.readline().split()[1])
        length = 0
        while (line := reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        found.append((status, reader.read(length)))
    return found


def last_call(base_url: str) -> dict[str, Any]:
    return dict(requests.get(f"{base_url}/sandbox/calls", timeout=120).json()["calls"][-1])


def until(condition: Callable[[], bool]) -> None:
    """Waits for what the server is about to do."""
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def is_alive(base_url: str) -> bool:
    return requests.get(f"{base_url}/sandbox/stats", timeout=120).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_the_control_api_is_not_for_web_pages(base_url: str, headers: dict[str, str]) -> None:
    before = requests.get(f"{base_url}/sandbox/faults", timeout=10).json()
    rule = b'{"match": {"path": "token"}, "times": 1, "do": {"delay_ms": 50}}'
    asked = [requests.get(f"{base_url}/sandbox/{path}", headers=headers, timeout=10) for path in ("messages", "stats")]
    asked += [requests.post(f"{base_url}/sandbox/faults", rule, headers=headers, timeout=10)]
    assert [answer.status_code for answer in asked] == [403] * 3
    assert "a web page has sent this" in asked[0].json()["error"]
    assert requests.get(f"{base_url}/sandbox/faults", timeout=10).json() == before


@pytest.mark.parametrize("host", ["localhost:8470", "127.0.0.1", "[::1]:8470", "10.0.0.7:8470", "sandbox:8470"])
def test_the_control_api_is_reached_under_the_names_of_a_machine(base_url: str, host: str) -> None:
    assert requests.get(f"{base_url}/sandbox/stats", headers={"Host": host}, timeout=10).status_code == 200


def test_one_connection_carries_many_calls(connection: socket.socket) -> None:
    for _ in range(3):
        connection.sendall(token_request())
        [(status, body)] = answers(connection, 1)
        assert (status, json.loads(body)["code"]) == (200, 0)


def test_pipelined_calls_are_answered_in_order(connection: socket.socket) -> None:
    connection.sendall(token_request() + NOT_FOUND + token_request(b"{}"))
    codes = [(status, json.loads(body)["code"]) for status, body in answers(connection, 3)]
    assert codes == [(200, 0), (404, 99991201), (200, 10003)]


def test_more_pipelined_calls_than_may_wait_are_all_answered(connection: socket.socket, base_url: str) -> None:
    rule = {"match": {"path": "token"}, "times": 1, "do": {"delay_ms": 50}}
    requests.post(f"{base_url}/sandbox/faults", json=rule, timeout=120).raise_for_status()
    connection.sendall(token_request() + NOT_FOUND * 200 + token_request())
    assert [status for status, _ in answers(connection, 202)] == [200] + [404] * 200 + [200]


def test_a_call_that_comes_byte_by_byte_is_understood(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in token_request():
        connection.sendall(bytes([byte]))
    assert answers(connection, 1)[0][0] == 200


def test_a_chunked_call_is_understood(connection: socket.socket) -> None:
    head = token_request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    middle = len(CREDENTIALS) // 2
    chunks = (CREDENTIALS[:middle], CREDENTIALS[middle:], b"")
    connection.sendall(head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks))
    assert json.loads(answers(connection, 1)[0][1])["code"] == 0


@pytest.mark.parametrize("header", [b"Expect: 100-continue", b"expect: 100-Continue"])
def test_a_caller_that_asks_first_is_told_to_go_on(connection: socket.socket, header: bytes) -> None:
    head, _, body = token_request().partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n" + header + b"\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    assert answers(connection, 1)[0][0] == 200


def test_a_caller_that_wants_to_close_is_closed(connection: socket.socket) -> None:
    connection.sendall(NOT_FOUND.replace(b"Host: x", b"Connection: close"))
    assert answers(connection, 1)[0][0] == 404
    assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["tls", "no version", "length", "chunk"],
)
def test_malformed_http_is_refused_and_the_server_lives(connection: socket.socket, base_url: str, noise: bytes) -> None:
    connection.sendall(noise)
    data = b""
    while received := connection.recv(65536):
        data += received
    assert data.count(b"HTTP/1.1 400 Bad Request") == 1
    assert is_alive(base_url)


def test_a_head_without_end_is_cut_off(connection: socket.socket, base_url: str) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
    with pytest.raises(ConnectionError):  # the server closes with input unread, which resets the connection
        connection.sendall(b"x" * 50_000_000)
    assert is_alive(base_url)


def test_what_was_well_formed_before_the_noise_is_answered(connection: socket.socket) -> None:
    connection.sendall(NOT_FOUND + b"noise\r\n\r\n")
    assert [status for status, _ in answers(connection, 2)] == [404, 400]


def test_an_upgrade_is_answered_in_plain_http(connection: socket.socket, base_url: str) -> None:
    connection.sendall(NOT_FOUND.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c"))
    assert answers(connection, 1)[0][0] == 404
    assert connection.recv(1) == b""
    assert is_alive(base_url)


def test_a_caller_that_leaves_in_the_middle_of_a_call_is_on_record(base_url: str) -> None:
    with socket.create_connection(address(base_url), timeout=10) as leaving:
        leaving.sendall(token_request()[:-5])
        until(lambda: last_call(base_url)["started_ms"] is None)
        assert last_call(base_url)["ended_ms"] is None
    until(lambda: last_call(base_url)["ended_ms"] is not None)
    assert (last_call(base_url)["answered"], last_call(base_url)["http_status"]) == (False, None)


def test_a_body_beyond_all_limits_is_refused(base_url: str) -> None:
    answer = requests.post(f"{base_url}/open-apis/im/v1/images", data=bytes(17 * 1024 * 1024), timeout=120)
    assert answer.status_code == 413
    assert is_alive(base_url)


# The process.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_listens_and_ends_with_zero_on_a_signal(number: int) -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("sandbox listening on http://127.0.0.1:")
            assert "app cli_sandbox with secret sandbox-secret" in line
            assert "helpdesk 1000000000000000000 with token ht-sandbox" in line
            # an open connection must not hold it up
            with requests.Session() as session:
                base_url = line.split()[-1]
                assert session.get(f"{base_url}/sandbox/stats", timeout=120).status_code == 200
                process.send_signal(number)
                rest, errors = process.communicate(timeout=120)
            assert (process.returncode, rest, errors) == (0, "", "")
        finally:
            process.kill()


def test_a_port_that_is_taken_is_told(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sandbox.main(["--port", str(address(base_url)[1])]) == 1
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err
    with pytest.raises(OSError, match="in use"), sandbox.running("--port", str(address(base_url)[1])):
        pass


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--rate", "often"],
        ["--latency-ms", "9-1"],
        ["--app", "id"],
        ["--ticket-open-answer", "9"],
        ["--keep-calls", "0"],
    ],
)
def test_a_wrong_option_is_told_with_exit_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        sandbox.main(arguments)
    assert exit_.value.code == 2
    assert arguments[0] in capsys.readouterr().err
