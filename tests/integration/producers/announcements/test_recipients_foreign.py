"""An uploaded file is read in a process of its own: the same rows, and whatever it dies of is one sentence."""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import BadInput
from producers.announcements.recipients import Recipients, Row, foreign
from producers.announcements.recipients.foreign import ForeignRecipients
from producers.announcements.recipients.source import Source
from tests.calm import Stopwatch
from tests.unit.producers.announcements.hostile_workbooks import texts, workbook

__all__: list[str] = []

DATA = Path(__file__).parents[3] / "unit/producers/announcements/data"
CSV = b"receiver_id,name\nou_1,Ann\nou_2\nou_3,\xe5\xbc\xa0\n"
JSONL = b'{"receiver_id": "ou_1", "n": null}\n{"receiver_id": "ou_2", "n": "\\ud800"}\n[1]\n'
CONTENTS = {
    "csv": (CSV, "people.csv"),
    "jsonl": (JSONL, "people.jsonl"),
    "xlsx": ((DATA / "libreoffice_layout.xlsx").read_bytes(), "people.xlsx"),
    "gb18030": ((DATA / "excel_china.csv").read_bytes(), "people.csv"),
}


def source(content: bytes, name: str = "people.csv") -> Source:
    return Source.spooled(io.BytesIO(content), name)


def seen(recipients: Recipients) -> tuple[object, ...]:
    names = ("name", "format", "columns", "encoding", "delimiter", "sheet", "sha256")
    return (*(getattr(recipients, name) for name in names), list(recipients.rows()), list(recipients.rows()))


@pytest.mark.parametrize(("content", "name"), CONTENTS.values(), ids=CONTENTS)
def test_it_has_the_rows_that_a_file_of_our_own_has_in_every_pass(content: bytes, name: str) -> None:
    with Recipients(source(content, name)) as ours, ForeignRecipients(source(content, name)) as others:
        assert seen(others) == seen(ours)


@pytest.mark.parametrize("content", [b"", b"name\nAnn\n", b"receiver_id\n", b"receiver_id\n\xff"])
def test_what_is_wrong_with_it_is_told_in_the_same_words(content: bytes) -> None:
    said = []
    for kind in (Recipients, ForeignRecipients):
        with closing(source(content)) as given, pytest.raises(BadInput) as caught:
            list(kind(given).rows())
        said.append((caught.value.field, caught.value.problem))
    assert said[0] == said[1]


def test_a_hundred_thousand_rows_come_in_portions() -> None:
    content = b"receiver_id,name\n" + b"ou_1,somebody\n" * 100_000
    with ForeignRecipients(source(content)) as recipients:
        assert sum(row == Row(row.line, ("ou_1", "somebody")) for row in recipients.rows()) == 100_000


def test_a_row_as_long_as_one_may_be_fits_a_frame() -> None:
    cell = "\x01" * 32_000
    content = ("receiver_id" + "".join(f",{n}" for n in range(30)) + "\nou_1" + f",{cell}" * 30 + "\n").encode()
    with ForeignRecipients(source(content)) as recipients:
        assert [len(row.values) for row in recipients.rows()] == [31]


def test_a_row_of_many_lines_just_below_the_bound_fits_a_frame_too() -> None:
    cell = '"' + "\x01" * 30_000 + '\n"'
    content = ("receiver_id" + "".join(f",{n}" for n in range(33)) + "\nou_1" + f",{cell}" * 33 + "\n").encode()
    with ForeignRecipients(source(content)) as recipients:
        assert [(len(row.values), row.problem) for row in recipients.rows()] == [(34, None)]


def test_a_pass_that_is_given_up_ends_the_process() -> None:
    with ForeignRecipients(source(b"receiver_id\n" + b"ou_1\n" * 100_000)) as recipients:
        rows = recipients.rows()
        next(rows)
        rows.close()  # type: ignore[attr-defined]
        assert recipients._process.returncode is not None


def test_nothing_is_left_of_the_process() -> None:
    recipients = ForeignRecipients(source(CSV))
    pid = recipients._process.pid
    recipients.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- what it dies of -------------------------------------------------------------------------------------------------


def refusal(content: bytes, name: str = "people.xlsx") -> str:
    with closing(source(content, name)) as given, pytest.raises(BadInput) as caught:
        list(ForeignRecipients(given).rows())
    return str(caught.value)


def test_a_file_that_takes_too_much_memory_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_MEMORY_BYTES", 36 * 1024**2)
    if sys.platform != "linux":
        pytest.skip("macOS keeps to no limit of memory")
    hostile = workbook(parts={"xl/texts.xml": texts(1_500_000)})
    assert refusal(hostile) == (
        "people.xlsx: takes more than 36 MiB of memory to read: save it as CSV UTF-8, or split it"
    )


def test_a_file_that_takes_too_much_cpu_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_CPU_SECONDS", 1)
    hostile = workbook("<a/>" * 16_000_000)
    assert "people.xlsx: takes more than 1 s to read: save it as CSV UTF-8" in refusal(hostile)


def stopped(recipients: ForeignRecipients) -> None:
    recipients._process.send_signal(signal.SIGSTOP)
    recipients._left_seconds = 0.2


def killed(recipients: ForeignRecipients) -> None:
    recipients._process.kill()


def ended(recipients: ForeignRecipients) -> None:
    recipients._process.terminate()


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (stopped, "people.csv: takes more than 50 s to read"),
        (killed, "people.csv: takes more than 1,024 MiB of memory to read"),
        (ended, r"people.csv: cannot be read \(its reader ended with -15\): save it as CSV UTF-8"),
    ],
)
def test_whatever_it_dies_of_is_a_sentence(harm: Callable[[ForeignRecipients], None], problem: str) -> None:
    with ForeignRecipients(source(b"receiver_id\n" + b"ou_1\n" * 500_000)) as recipients:
        rows = recipients.rows()
        next(rows)
        harm(recipients)
        with pytest.raises(BadInput, match=problem):
            list(rows)
        assert recipients._process.returncode is not None


def test_a_reader_that_cannot_start_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_COMMAND", ("/nowhere/python",))
    with closing(source(CSV)) as given, pytest.raises(OSError, match="nowhere"):
        ForeignRecipients(given)


# --- what it has -----------------------------------------------------------------------------------------------------

LOOKED_AT = Path("/proc/self").exists()


@pytest.mark.skipif(not LOOKED_AT, reason="there is no /proc")
def test_it_has_neither_our_secrets_nor_our_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_APP_SECRET", "hunter2")
    with open(os.devnull) as ours, ForeignRecipients(source(CSV, "private name.csv")) as recipients:
        os.set_inheritable(ours.fileno(), True)
        process = Path(f"/proc/{recipients._process.pid}")
        environment, command = (process.joinpath(name).read_bytes() for name in ("environ", "cmdline"))
        files = [os.readlink(each) for each in process.joinpath("fd").iterdir()]
        limits = process.joinpath("limits").read_text()
    assert b"hunter2" not in environment
    assert b"private" not in command
    assert sorted(each.partition(":")[0] for each in files if not each.startswith("/tmp")) == [
        "/dev/null",
        "pipe",
        "pipe",
    ]
    assert re.search(rf"Max address space +{1024**3} ", limits)
    assert re.search(r"Max cpu time +30 ", limits)


def test_it_loads_little() -> None:
    code = "import sys, producers.announcements.recipients.reading; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not {"pydantic", "redis", "jinja2", "openpyxl", "producers.client.notifier"} & set(done.stdout.split())


def test_a_larger_file_may_take_longer() -> None:
    with ForeignRecipients(source(b"receiver_id\n" + b"ou_1\n" * 500_000)) as recipients:
        assert recipients._cpu_seconds == 30 + 10 * 2


def test_many_at_once_from_many_threads_do_not_disturb_each_other() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def rows(number: int) -> set[str | None]:
        with ForeignRecipients(source(b"receiver_id\n" + b"ou_%d\n" % number * 5000)) as recipients:
            return {row.values[0] for row in recipients.rows()}

    watch = Stopwatch()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(rows, range(8))) == [{f"ou_{number}"} for number in range(8)]
    assert watch.calm_seconds < 60
