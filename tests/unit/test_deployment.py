"""The files that run Deskbell for real, held against each other and against the tree.

They stand in for a Docker engine, which neither CI nor a developer need have.
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from celery.bin.worker import worker as celery_worker
from dotenv import dotenv_values
from honcho.environ import parse as parse_env
from honcho.environ import parse_procfile
from jsonschema.validators import validator_for

from ledger.settings import Settings
from ledger.times import duration

__all__: list[str] = []

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "deskbell"}
PROCFILE: dict[str, str] = dict(parse_procfile((ROOT / "Procfile").read_text("utf-8")).processes)
ENV_EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
PACKAGES = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]


# --- readers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """One `FROM … AS name` of the Dockerfile, and the instructions under it as (keyword, rest) pairs."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]

    def last(self, keyword: str) -> str:
        return self.all(keyword)[-1]


def read_stages(dockerfile: str) -> list[Stage]:
    without_comments = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE)
    lines = without_comments.replace("\\\n", " ").splitlines()
    pairs = [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]
    starts = [at for at, (word, _) in enumerate(pairs) if word == "FROM"]
    stages = []
    for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True):
        base, _, name = pairs[start][1].partition(" AS ")
        stages.append(Stage(name, base, tuple(pairs[start + 1 : end])))
    return stages


STAGES = read_stages((ROOT / "Dockerfile").read_text("utf-8"))
RUNTIME = STAGES[-1]


def copied_from_tree() -> list[str]:
    """Sources of every COPY that reads the build context, not another stage; a pattern may match nothing."""
    copies = [rest.split() for stage in STAGES for rest in stage.all("COPY")]
    sources = [source for words in copies if not words[0].startswith("--from=") for source in words[:-1]]
    matches = {source: [path.name for path in ROOT.glob(source)] for source in sources if "*" in source}
    return [name for source in sources for name in matches.get(source, [source])]


def ignore_rule(pattern: str) -> re.Pattern[str]:
    """A line of .dockerignore as a regex: patterns are rooted, `*` stays in one folder, `**/` is any number of them."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def is_ignored(path: str) -> bool:
    """Whether the build context lacks `path`. The last line that fits it, or a folder above it, decides."""
    candidates = [path, *(str(folder) for folder in PurePosixPath(path).parents if folder.name)]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#") and any(map(ignore_rule(rule.removeprefix("!")).fullmatch, candidates)):
            ignored = not rule.startswith("!")
    return ignored


def pins(lock: str) -> dict[str, str]:
    """The entries of a lock by name: version, marker and hashes as they stand there."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8").strip())
    return {entry.partition("==")[0]: entry for entry in entries}


def bare_name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower()


def programs_of_image() -> set[str]:
    """Console scripts of the project and its direct dependencies, and what python:slim has by itself."""
    installed = [importlib.metadata.distribution(bare_name(text)) for text in PROJECT["project"]["dependencies"]]
    scripts = {entry.name for one in installed for entry in one.entry_points if entry.group == "console_scripts"}
    return scripts | set(PROJECT["project"]["scripts"]) | {"python", "sh"}


def without_exec(line: str) -> list[str]:
    words = shlex.split(line)
    return words[1:] if words[0] == "exec" else words


# --- Procfile --------------------------------------------------------------------------------------------------------


def worker_arguments(folder: Path, **variables: str) -> list[str]:
    """What celery would be called with when a shell runs the worker's line, told by a stand-in on PATH."""
    stand_in = folder / "celery"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.defpath}", **variables}
    run = subprocess.run(
        ["sh", "-c", PROCFILE["worker"]], env=environment, capture_output=True, timeout=120, check=True
    )
    return run.stdout.decode().splitlines()


def test_procfile_names_web_and_worker_and_programs_that_are_installed() -> None:
    assert sorted(PROCFILE) == ["web", "worker"]
    assert {without_exec(line)[0] for line in PROCFILE.values()} <= programs_of_image()


@pytest.mark.parametrize(
    ("variables", "concurrency", "hostname"),
    [
        ({}, str(Settings.model_fields["concurrency"].default), "celery@%h"),
        ({"DESKBELL_CONCURRENCY": "7", "HONCHO_PROCESS_NAME": "worker.2"}, "7", "worker.2@%h"),
    ],
)
def test_worker_line_takes_its_threads_and_its_name_from_the_environment(
    tmp_path: Path, variables: dict[str, str], concurrency: str, hostname: str
) -> None:
    arguments = worker_arguments(tmp_path, **variables)
    assert arguments[:3] == ["-A", "worker", "worker"]
    assert arguments[arguments.index("--concurrency") + 1] == concurrency
    assert arguments[arguments.index("--hostname") + 1] == hostname


def test_worker_line_has_only_options_that_celery_knows(tmp_path: Path) -> None:
    known = {option for parameter in celery_worker.params for option in parameter.opts}
    assert {word for word in worker_arguments(tmp_path) if word.startswith("--")} <= known


# --- Dockerfile and .dockerignore ------------------------------------------------------------------------------------


def test_dockerfile_copies_only_what_the_tree_has() -> None:
    assert [source for source in copied_from_tree() if not (ROOT / source).exists()] == []


def test_dockerfile_copies_every_package_that_the_project_names() -> None:
    assert set(PACKAGES) <= set(copied_from_tree())


def test_nothing_that_the_build_needs_is_ignored() -> None:
    files = [file for source in copied_from_tree() for file in [ROOT / source, *(ROOT / source).rglob("*")]]
    needed = [file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts]
    assert [path for path in needed if is_ignored(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "ledger/.env.prod",
        "desks.toml",
        ".deskbell/valkey.sock",
        ".git/config",
        ".venv/bin/python",
        "deskbell.egg-info/PKG-INFO",
        "ledger/__pycache__/states.cpython-312.pyc",
        "tests/unit/test_deployment.py",
    ],
)
def test_secrets_history_and_leftovers_stay_out_of_the_build(path: str) -> None:
    assert is_ignored(path)


def test_stages_copy_only_from_stages_before_them_and_share_one_base() -> None:
    for at, stage in enumerate(STAGES):
        sources = {match[1] for rest in stage.all("COPY") if (match := re.match(r"--from=(\S+)", rest))}
        assert sources <= {earlier.name for earlier in STAGES[:at]}
    assert len({stage.base for stage in STAGES}) == 1, "a virtual environment links to the interpreter of its base"


def test_the_image_runs_as_a_number_that_is_not_root_and_installs_nothing_at_the_end() -> None:
    user, _, group = RUNTIME.last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert all(f"id {number} " in RUNTIME.last("RUN") for number in (user, group))
    assert not re.search(r"\b(pip|apt-get|gcc)\b", " ".join(RUNTIME.all("RUN")))


def test_the_labels_of_the_image_are_the_facts_of_the_project() -> None:
    labels = dict(word.split("=", 1) for word in shlex.split(RUNTIME.last("LABEL")))
    names = {"title": "Deskbell", **{name: PROJECT["project"][name] for name in ("description", "version")}}
    assert labels == {f"org.opencontainers.image.{name}": text for name, text in names.items()} | {
        "org.opencontainers.image.licenses": PROJECT["project"]["license"]
    }


def test_the_image_has_the_standard_library_compiled_before_its_user_may_not_write() -> None:
    words = [word for word, _ in RUNTIME.instructions]
    compiling = next(at for at, (_, rest) in enumerate(RUNTIME.instructions) if "compileall" in rest)
    assert compiling < words.index("USER")
    command = shlex.split(RUNTIME.instructions[compiling][1].replace('"', ""))
    assert command[:3] == ["python", "-m", "compileall"]


def test_the_image_stops_on_sigterm_and_runs_the_worker_of_the_procfile() -> None:
    assert RUNTIME.last("STOPSIGNAL") == "SIGTERM"
    assert json.loads(RUNTIME.last("CMD")) == ["sh", "-c", PROCFILE["worker"]]


def test_the_image_asks_the_ledger_for_the_health_of_its_worker() -> None:
    program, option, module = json.loads(RUNTIME.last("HEALTHCHECK").partition("CMD ")[2])
    assert program in programs_of_image()
    assert option == "-m"
    assert (ROOT / Path(*module.split("."))).with_suffix(".py").is_file()


def test_the_lock_of_the_image_is_the_part_of_the_full_lock_that_runs() -> None:
    full, ours = pins("requirements.lock"), pins("requirements-prod.lock")
    assert ours.items() <= full.items(), "make lock writes both"
    assert {bare_name(text) for text in PROJECT["project"]["dependencies"]} <= set(ours)
    assert set(ours).isdisjoint({"pytest", "mypy", "ruff", "fakeredis"})


# --- docker-compose.yml ----------------------------------------------------------------------------------------------


def compose_problems(document: Any) -> list[str]:
    """What the Compose schema, as the package check-jsonschema carries it, has against the document."""
    spec = importlib.util.find_spec("check_jsonschema")
    if spec is None or spec.origin is None:
        if os.environ.get("CI"):
            pytest.fail("check-jsonschema, which carries the Compose schema, is not installed")
        pytest.skip("needs check-jsonschema, which carries the Compose schema")
    path = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(path.read_text("utf-8"))
    return [f"{error.json_path}: {error.message}" for error in validator_for(schema)(schema).iter_errors(document)]


def test_compose_file_fits_the_compose_schema() -> None:
    assert compose_problems(COMPOSE) == []


def test_compose_schema_would_notice_a_misspelt_word() -> None:
    assert compose_problems({"services": {"web": {"image": "deskbell", "helthcheck": {}}}})


def test_compose_has_the_ledger_two_workers_the_web_side_and_a_sandbox_on_demand() -> None:
    assert sorted(SERVICES) == ["grafana", "prometheus", "sandbox", "valkey", "web", "worker"]
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    on_demand = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert on_demand == {"sandbox": ["sandbox"], "prometheus": ["monitoring"], "grafana": ["monitoring"]}
    assert {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"} == set(SERVICES)


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_services_run_the_last_stage_as_its_own_user_under_an_init(service: dict[str, Any]) -> None:
    assert "user" not in service, "the Dockerfile says who"
    assert service["init"]
    assert service["read_only"]


def test_one_service_builds_the_last_stage_and_nobody_pulls_the_image() -> None:
    builds = {name: service["build"] for name, service in SERVICES.items() if "build" in service}
    assert builds == {"worker": {"context": ".", "target": RUNTIME.name}}
    assert (ROOT / "Dockerfile").is_file()
    policies = {name: service["pull_policy"] for name, service in OURS.items()}
    assert policies == {"worker": "build", "web": "never", "sandbox": "never"}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_logs_are_bounded_and_no_service_has_a_capability(service: dict[str, Any]) -> None:
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_services_and_their_health_checks_call_programs_of_the_image(service: dict[str, Any]) -> None:
    command = service.get("command", json.loads(RUNTIME.last("CMD")))
    check = service.get("healthcheck", {"test": ["CMD", "python"]})["test"]
    assert {command[0], check[1]} <= programs_of_image()
    if command[:2] == ["python", "-m"]:
        assert (ROOT / command[2] / "__main__.py").is_file()
    if check[1:3] == ["python", "-c"]:
        compile(check[3], "healthcheck", "exec")


def test_ledger_of_compose_is_durable_and_reached_by_nobody_else() -> None:
    words = SERVICES["valkey"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"
    assert [mount.split(":")[0] for mount in SERVICES["valkey"]["volumes"]] == ["ledger"]
    assert "ports" not in SERVICES["valkey"]


@pytest.mark.parametrize("name", ["worker", "web"])
def test_services_on_the_ledger_wait_for_it_and_get_the_secrets_from_env(name: str) -> None:
    service = SERVICES[name]
    assert service["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    assert service["env_file"] == ".env"
    assert service["environment"]["DESKBELL_REDIS_URL"] == "redis://valkey:6379/0"
    assert {variable.removeprefix("DESKBELL_").lower() for variable in service["environment"]} <= settings_fields()


def test_only_the_web_service_listens_beyond_its_container_and_only_for_this_machine() -> None:
    assert [name for name, one in SERVICES.items() if "DESKBELL_HOST" in one.get("environment", {})] == ["web"]
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "web": ["127.0.0.1:8480:8480"],
        "sandbox": ["127.0.0.1:8470:8470"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert SERVICES["web"]["environment"]["DESKBELL_PORT"] == str(Settings.model_fields["port"].default)
    assert "http://127.0.0.1:8480/healthz" in SERVICES["web"]["healthcheck"]["test"][-1]


def test_a_worker_is_given_longer_to_stop_than_one_call_may_take() -> None:
    connect_seconds, answer_seconds = Settings.model_fields["timeout"].default
    assert duration(SERVICES["worker"]["stop_grace_period"]).total_seconds() > connect_seconds + answer_seconds


# --- .env.example ----------------------------------------------------------------------------------------------------


def settings_fields() -> set[str]:
    return set(Settings.model_fields)


def uncommented() -> str:
    return re.sub(r"^#(?=DESKBELL_)", "", ENV_EXAMPLE, flags=re.MULTILINE)


def every_example() -> dict[str, str]:
    """All variables of .env.example, the commented ones too."""
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(uncommented())).items()}


def test_honcho_reads_env_example_as_deskbell_does() -> None:
    # honcho leaves out what is empty
    assert parse_env(uncommented()) == {name: value for name, value in every_example().items() if value}


def test_env_example_has_every_setting_and_no_other() -> None:
    assert {name.removeprefix("DESKBELL_").lower() for name in every_example()} == settings_fields()


def test_each_variable_of_env_example_has_a_comment_above_it() -> None:
    lines = ENV_EXAMPLE.splitlines()
    above = [before for before, line in pairwise(lines) if re.match("#?DESKBELL_", line)]
    assert [line for line in above if not line.startswith("# ")] == []


def test_env_example_sets_nothing_but_the_four_credentials_to_fill_in() -> None:
    names = ["DESKBELL_APP_ID", "DESKBELL_APP_SECRET", "DESKBELL_HELPDESK_ID", "DESKBELL_HELPDESK_TOKEN"]
    assert dict(dotenv_values(ROOT / ".env.example")) == dict.fromkeys(names, "")


def test_commented_values_of_env_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DESKBELL_")]:
        monkeypatch.delenv(name)
    defaults = Settings(_env_file=None)
    for name, value in every_example().items():
        monkeypatch.setenv(name, value)
    examples = Settings(_env_file=None)
    optional = {name for name, field in Settings.model_fields.items() if field.default is None}
    fixed = settings_fields() - optional - {"workers"}  # as many as this machine has cores
    assert examples.model_dump(include=fixed) == defaults.model_dump(include=fixed)


# --- CI --------------------------------------------------------------------------------------------------------------


def test_ci_script_is_executable_bash_that_ends_in_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=120)
    assert script.read_text("utf-8").splitlines()[-1] == "make test"
