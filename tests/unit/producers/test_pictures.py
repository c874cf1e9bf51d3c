"""Pictures beside a Markdown file are named by their keys; other targets are left alone."""

from pathlib import Path

import pytest
from PIL import Image

from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.markdown_card import card_of_markdown
from producers.pictures import with_picture_keys

__all__: list[str] = []


def key(image: LocalImage) -> str:
    return f"img_{image.format}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (4, 2)).save(tmp_path / "map.png")
    Image.new("RGB", (4, 2)).save(tmp_path / "the plan.jpg")
    (tmp_path / "note.png").write_text("no picture")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("![map](map.png)", "![map](img_PNG)"),
        ('a\n\n![map](map.png "The map")\n\nb', 'a\n\n![map](img_PNG "The map")\n\nb'),
        ("![](<the plan.jpg>)", "![](img_JPEG)"),
        ("![](the%20plan.jpg)", "![](img_JPEG)"),
        ("![map](img_v3_02ab)", "![map](img_v3_02ab)"),
        ("![map](https://corp.example/map.png)", "![map](https://corp.example/map.png)"),
        ("[map](map.png)", "[map](map.png)"),
    ],
)
def test_a_picture_that_is_a_file_is_named_by_its_key(folder: Path, written: str, becomes: str) -> None:
    assert with_picture_keys(written, folder, key) == becomes


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("# a\n\n![](none.png)", "line 3: 'none.png' is not a file"),
        ("![](note.png)", "line 1: 'note.png' is not an image that Feishu accepts"),
    ],
)
def test_what_is_no_picture_is_told_with_its_line(folder: Path, written: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        with_picture_keys(written, folder, key)
    assert caught.value.field == "markdown"
    assert caught.value.problem.startswith(problem)


def test_the_card_has_it(folder: Path) -> None:
    markdown = with_picture_keys("Look:\n\n![the map](map.png)", folder, key)
    *_, picture = card_of_markdown(markdown, has_variables=True)["content"]["elements"]
    assert picture == {"tag": "img", "img_key": "img_PNG", "alt": {"tag": "plain_text", "content": "the map"}}
