"""Message files: JSON and YAML, the local image, and how a mistake in one is told."""

import traceback
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ledger.errors import BadInput
from ledger.messages.content import Message, parse_message
from ledger.messages.message_file import read_message_file, read_message_template

SECRET = "the body that nobody may see"


def written(folder: Path, text: str | bytes, name: str = "message.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def a_picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, "PNG")
    return file.getvalue()


def refusal_of(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_message_file(path)
    return caught.value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"msg_type": "text", "content": {"text": "早上好"}}'),
        ("m.JSON", '\ufeff{"msg_type": "text", "content": "{\\"text\\": \\"早上好\\"}"}'),
        ("m.yaml", "msg_type: text\ncontent:\n  text: 早上好\n"),
        ("m.yml", "# to all\nmsg_type: text\ncontent: {text: 早上好}\n"),
    ],
)
def test_json_and_yaml_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    file = read_message_file(written(tmp_path, text, name))

    assert file.message == Message.text("早上好")
    assert file.image is None


@pytest.mark.parametrize("value", ["12:30", "2026-11-22", "no", "0x1F", "1_000", "1.0.0", "010", "=", "<<", "True"])
def test_what_looks_like_text_in_yaml_is_text(tmp_path: Path, value: str) -> None:
    file = read_message_file(written(tmp_path, f"msg_type: text\ncontent: {{text: {value}}}\n"))

    assert file.message.content == {"text": value}


def test_a_yaml_value_is_what_json_would_make_of_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "msg_type: interactive\ncontent:\n  type: template\n  data:\n    template_id: AAq\n"
        "    template_variable: {a: 1, b: -2.5, c: true, d: null, e: , f: 1e3, g: '1', h: [x, y], i: 0}\n",
    )

    assert read_message_file(path).message.content["data"] == {
        "template_id": "AAq",
        "template_variable": {
            "a": 1, "b": -2.5, "c": True, "d": None, "e": None, "f": 1000.0, "g": "1", "h": ["x", "y"], "i": 0
        },
    }  # fmt: skip


def test_a_local_image_is_named_beside_the_file_and_handed_back_with_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "poster.png").write_bytes(a_picture())

    file = read_message_file(written(tmp_path, "msg_type: image\ncontent: {file: pictures/poster.png}\n"))

    assert file.image is not None
    assert file.image.data == a_picture()
    assert file.message.content == {"image_sha256": file.image.sha256}
    assert file.message.image_sha256 == file.image.sha256


def test_an_image_that_is_uploaded_already_needs_no_file(tmp_path: Path) -> None:
    file = read_message_file(written(tmp_path, "msg_type: image\ncontent: {image_key: img_v2_1}\n"))

    assert (file.message.content, file.image) == ({"image_key": "img_v2_1"}, None)


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        ("{file: missing.png}", "message.content.file", "'missing.png' is not a file, or does not exist"),
        ("{file: empty.png}", "message.content.file", "'empty.png' is empty"),
        ("{file: notes.png}", "message.content.file", "'notes.png' is not an image that Feishu accepts"),
        ("{file: 7}", "message.content.file", "must be the path of an image, not a number"),
        ("{file: ''}", "message.content.file", "must be the path of an image"),
        ("{file: a.png, image_key: img_1}", "message.content", "must not have 'image_key'"),
    ],
)
def test_a_local_image_that_will_not_do_is_refused_by_its_name(
    tmp_path: Path, content: str, field: str, problem: str
) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.png").write_text("Dear all,")

    refusal = refusal_of(written(tmp_path, f"msg_type: image\ncontent: {content}\n"))

    assert refusal.field == field
    assert problem in refusal.problem


def test_a_file_beside_another_type_of_message_is_an_unknown_field(tmp_path: Path) -> None:
    refusal = refusal_of(written(tmp_path, "msg_type: text\ncontent: {text: Hi, file: a.png}\n"))

    assert str(refusal) == "message.content.file: is not a known field"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("m.toml", "", "'m.toml' must end in .json, .yaml or .yml"),
        ("m.json", "", "'m.json' is not valid JSON: Expecting value (line 1, column 1)"),
        ("m.json", '{"a": 1,\n}', "'m.json' is not valid JSON: "),
        ("m.json", '{"a": 1, "b": 2, "a": 3}', "has the key 'a' twice in one object"),
        ("m.json", "[" * 100_000, "is nested too deeply"),
        ("m.json", "[]", "must be an object with msg_type and content, not a list"),
        ("m.json", '{"a": ' + "9" * 5000 + "}", "contains a number with too many digits"),
        ("m.json", b"\xff\xfe{", "'m.json' is not UTF-8 text (byte 0)"),
        ("m.yaml", "", "must be an object with msg_type and content, not null"),
        ("m.json", "{" + "".join(f'"k{n}": 1,' for n in range(20_000)) + '"k19999": 1}', "has the key 'k19999' twice"),
        ("m.yaml", "a: [1\nb: 2\n", "is not valid YAML"),
        ("m.yaml", "a: 1\nb: 2\na: 3\n", "has the key 'a' twice in one object"),
        ("m.yaml", "a: &x [1]\nb: *x\n", "aliases (*name) and tags (!name) are not allowed (line 2, column 4)"),
        ("m.yaml", "a: &x [*x]\n", "aliases (*name) and tags (!name) are not allowed (line 1, column 8)"),
        ("m.yaml", "a: !!python/name:os.system x\n", "tags (!name) are not allowed (line 1, column 4)"),
        ("m.yaml", "a: !!timestamp x\n", "tags (!name) are not allowed"),
        ("m.yaml", "[a]: 1\n", "is not valid YAML"),
        ("m.yaml", "1: a\n", "has a key that is a number: keys must be strings, so quote it"),
        ("m.yaml", "a: \x01\n", "contains a character that YAML does not allow (position 3)"),
        ("m.yaml", "a: 1\n---\nb: 1\n", "is not valid YAML"),
        ("m.yaml", "a: " + "9" * 5000, "contains a number with too many digits"),
        ("m.yaml", "[" * 5000, "is nested too deeply"),
        ("m.yaml", "x" * (64 * 1024 + 1), "is larger than 65,536 bytes: write a message this large in JSON"),
        ("m.json", "x" * (256 * 1024 + 1), "is larger than 262,144 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path: Path, name: str, text: str, problem: str) -> None:
    refusal = refusal_of(written(tmp_path, text, name))

    assert refusal.field == "message"
    assert problem in refusal.problem


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    assert refusal_of(tmp_path / "gone.yaml").problem == "'gone.yaml' cannot be read: No such file or directory"
    assert "'.yaml'" in refusal_of(tmp_path / ".yaml").problem
    (tmp_path / "folder.yaml").mkdir()
    assert "Is a directory" in refusal_of(tmp_path / "folder.yaml").problem
    assert "cannot be read" in refusal_of(Path("nul\0.yaml")).problem


def test_the_path_of_a_mistake_starts_where_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path, "msg_type: text\ncontent: {}\n")

    with pytest.raises(BadInput, match=r"^--message\.content\.text: is missing$"):
        read_message_file(path, where="--message")


def test_a_template_is_not_checked_before_it_is_rendered(tmp_path: Path) -> None:
    text = "msg_type: post\ncontent: {en_us: {title: Hi, content: [[{tag: a, text: x, href: '{{ url }}'}]]}}\n"
    path = written(tmp_path, text)

    template = read_message_template(path)

    assert "href" in refusal_of(path).field
    rendered = {"msg_type": "post", "content": str(template.raw["content"]).replace("{{ url }}", "https://x")}
    assert parse_message({**rendered, "content": rendered["content"].replace("'", '"')})


def test_the_image_of_a_template_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "poster.png").write_bytes(a_picture())

    template = read_message_template(written(tmp_path, "msg_type: image\ncontent: {file: poster.png}\n"))

    assert template.image is not None
    assert template.raw == {"msg_type": "image", "content": {"image_sha256": template.image.sha256}}


def test_no_repr_shows_the_message_or_the_image(tmp_path: Path) -> None:
    path = written(tmp_path, f"msg_type: text\ncontent: {{text: {SECRET}}}\n")

    assert SECRET not in repr(read_message_file(path))
    assert SECRET not in repr(read_message_template(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", f'{{"msg_type": "text", "content": "{SECRET}'),
        ("m.json", f'{{"msg_type": "text", "text": {{"{"x" * 60 + SECRET}": 1, "{"x" * 60 + SECRET}": 2}}'),
        ("m.yaml", f"content: {{text: {SECRET}\nmsg_type: text\n"),
        ("m.yaml", f"content: '{SECRET}\n"),
        ("m.yaml", f"content: {SECRET}\x01\n"),
        ("m.yaml", f"content: !x {SECRET}\n"),
        ("m.json", f'"{SECRET}'.encode() + b"\xff"),
    ],
)
def test_no_refusal_shows_the_file_not_even_in_its_traceback(tmp_path: Path, name: str, text: str | bytes) -> None:
    refusal = refusal_of(written(tmp_path, text, name))

    assert SECRET not in "".join(traceback.format_exception(refusal))
    assert refusal.__context__ is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=st.sampled_from(["m.yaml", "m.json"]),
    text=st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"#\n \tabc019.~<=?%@", max_size=60) | st.binary(max_size=30),
)
def test_any_file_is_taken_or_refused_with_bad_input_and_nothing_else(
    tmp_path: Path, name: str, text: str | bytes
) -> None:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    refusal = refusal_of(written(tmp_path, content, name))

    assert refusal.field.startswith("message")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("msg_type: text\ncontent:\n  text: {{ name }}, hello\n", 3),
        ("msg_type: text\ncontent:\n  text: {{ name }}\n", 3),
        ("msg_type: text\ncontent: {{ content }}\n", 2),
        ("msg_type: interactive\ncontent:\n  elements:\n    - {{ first }} x\n", 4),
        ("msg_type: post\ncontent:\n  zh_cn:\n    title: {{ title|upper }}: news\n    content: []\n", 4),
        ("{{ name }}", 1),
    ],
)
def test_braces_without_quotes_in_yaml_are_told_as_such(tmp_path: Path, text: str, line: int) -> None:
    told = f"a text that begins with {{{{ must be in quotes (line {line})"
    assert told in refusal_of(written(tmp_path, text)).problem


def test_other_mistakes_in_yaml_are_told_as_they_are(tmp_path: Path) -> None:
    assert "is not valid YAML" in refusal_of(written(tmp_path, 'text: "{{ name }}"\nmsg_type: [')).problem
