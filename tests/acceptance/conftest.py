"""Sites: one for the session, where nothing is broken that others need, and new ones for tests that break things."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation
from tests.acceptance.sandbox_process import CREDENTIALS

#: Of each log that a failed test shows.
_LAST_LINES = 60
#: Port 1 (tcpmux) answers nowhere: the connection is refused at once.
_DEAD_URL = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes the folder of one more site. All of them are beside each other, for who reads all logs."""
    return lambda: tmp_path_factory.mktemp("site")


@pytest.fixture(scope="session")
def installation(folders: Callable[[], Path]) -> Iterator[Installation]:
    """The site of the session. Its other desks are other ways to the same helpdesk:

    `coded` knows the code of an open ticket, `dead` calls where nobody listens, and a throttle of `throttled` concerns
    nobody else.
    """
    folder = folders()
    (folder / "desks.toml").write_text(
        f"""
        [desk.coded]
        {CREDENTIALS}
        ticket_codes = "154405"
        [desk.throttled]
        {CREDENTIALS}
        [desk.dead]
        {CREDENTIALS}
        feishu_url = "{_DEAD_URL}"
        """
    )
    with Installation(folder, DESKBELL_DESKS=str(folder / "desks.toml")) as running:
        yield running


@pytest.fixture
def new_installation(folders: Callable[[], Path]) -> Iterator[Callable[..., Installation]]:
    """Starts a site for this test alone; the arguments are those of `Installation` after the folder."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Installation(folders(), **options))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the processes of its sites said."""
    report = yield
    if report.failed and call.when != "teardown":
        root = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        for log in sorted(root.glob("site[0-9]*/*.log")):
            lines = log.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]
            report.sections.append((f"{log.parent.name}/{log.name}", "\n".join(lines)))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, and what reads the logs of the whole session last."""
    order = {"test_upgrades.py": -1, "test_logs.py": 1}
    items.sort(key=lambda item: order.get(item.path.name, 0))
