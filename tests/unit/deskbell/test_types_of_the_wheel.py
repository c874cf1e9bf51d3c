"""What a type checker sees of the wheel, outside the clone: strict, and without any plugin of ours."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import deskbell

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("program.py")
#: Wrong calls, and what is to be said of each.
WRONG = {
    'notifier.send(receiver_id=7, text="hi")': 'Argument "receiver_id" to "send" of "Notifier" has incompatible type',
    'notifier.send(receiver_id="ou_ada", txt="hi")': 'Unexpected keyword argument "txt" for "send" of "Notifier"',
    'notifier.send_many([{"receiver_id": "ou_ada", "txt": "hi"}])': 'Extra key "txt" for TypedDict "EventArguments"',
    'notifier.announce("people.csv", text="hi", name="N")': 'Argument 1 to "announce" of "Notifier" has incompatible',
    'notifier.announce([], text="hi")': 'Missing named argument "name" for "announce" of "Notifier"',
    'notifier.get("n_1").progress.stat': '"Progress" has no attribute "stat"',
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which the wheel is unpacked; our dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # Of a copy: setuptools leaves build/ behind, and would put what an earlier build left there into the wheel.
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "benchmarks"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", folder, source], check=True, timeout=200)
    [wheel] = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    [packages] = environment.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Only a path: the finder of our editable install stays behind, and with it the clone.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin" / "python"


def checked(program: str, installed: Path, folder: Path) -> str:
    """What mypy says of a program that is nowhere near the clone."""
    path = folder / "program.py"
    path.write_text(program, "utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--python-executable={installed}"]
    cache = f"--cache-dir={installed.parents[1] / 'cache'}"
    done = subprocess.run([*mypy, cache, path], cwd=folder, capture_output=True, text=True, timeout=280)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_is_what_is_checked(installed: Path, tmp_path: Path) -> None:
    code = "import deskbell, producers.client.notifier as notifier; print(deskbell.__file__, notifier.__file__)"
    done = subprocess.run([installed, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(Path(file).is_relative_to(installed.parents[1]) for file in done.stdout.split())


@pytest.mark.slow
def test_a_program_that_uses_every_public_name_is_well_typed(installed: Path, tmp_path: Path) -> None:
    program = PROGRAM.read_text("utf-8")
    assert set(re.findall(r"^    (\w+),$", program, re.MULTILINE)) == set(deskbell.__all__)
    assert checked(program, installed, tmp_path) == "Success: no issues found in 1 source file\n"


@pytest.mark.slow
def test_wrong_calls_are_reported(installed: Path, tmp_path: Path) -> None:
    head = ["from deskbell import Notifier", "notifier = Notifier.from_env()"]
    told = checked("\n".join([*head, *WRONG]), installed, tmp_path).splitlines()
    for number, expected in enumerate(WRONG.values(), len(head) + 1):
        assert any(line.startswith(f"program.py:{number}: error:") and expected in line for line in told), told
    assert f"Found {len(WRONG)} errors in 1 file" in told[-1]


@pytest.mark.slow
def test_the_documentation_is_in_the_wheel_and_its_generator_is_not(installed: Path) -> None:
    [packages] = installed.parents[1].glob("lib/python*/site-packages")
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".svg")}
    assert {path.relative_to(packages / "console").as_posix() for path in packages.rglob("docs/**/*.*")} == pages
    assert (packages / "console/llms.txt").read_bytes() == (ROOT / "llms.txt").read_bytes()
