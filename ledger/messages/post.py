"""The rich text of a `post` message: locales, paragraphs, and the elements that stand in them.

The elements and their fields are those of Feishu's page on message content for im/v1, which the helpdesk page links;
`lines`, `width` and `height` are of its earlier versions, and still sent by many.
"""

import re
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator
from pydantic_core import PydanticCustomError

from ledger.messages.blank import is_blank
from ledger.messages.json_fields import Filled, Link, Shape, validated
from ledger.phrases import Phrase

__all__ = ["LOCALES", "ImageKey", "check_post", "wrapped_post"]

#: The languages that Feishu names for a post; a card knows sixteen.
LOCALES = ("zh_cn", "en_us")

#: Feishu's pages show `img_v2_…`, `img_7ea7…-…` and a bare UUID as keys: so no prefix is asked for, but a path or a
#: link is no key.
_IMAGE_KEY = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2}_[a-z]{2}", re.ASCII)


def _image_key(key: str) -> str:
    if not _IMAGE_KEY.fullmatch(key):
        raise PydanticCustomError("image_key", Phrase("must be a key from Feishu's image upload, such as img_v2_…"))
    return key


ImageKey = Annotated[str, AfterValidator(_image_key)]
Style = list[Literal["bold", "underline", "lineThrough", "italic"]]

#: Feishu wants each of these by itself in its paragraph.
_ALONE = frozenset({"img", "media", "md"})
_TAGS = ("text", "a", "at", "img", "media", "emotion", "code_block", "hr", "md")


class _Text(Shape):
    tag: Literal["text"]
    text: str
    un_escape: bool = False
    lines: int = 0
    style: Style = Field(default_factory=list)


class _Anchor(Shape):
    tag: Literal["a"]
    text: str
    href: Link
    un_escape: bool = False
    lines: int = 0
    style: Style = Field(default_factory=list)


class _Mention(Shape):
    """`user_name` is in an example of the page, not in its table."""

    tag: Literal["at"]
    user_id: Filled
    user_name: str = ""
    style: Style = Field(default_factory=list)


class _Image(Shape):
    tag: Literal["img"]
    image_key: ImageKey
    width: float = 0
    height: float = 0


class _Media(Shape):
    tag: Literal["media"]
    file_key: Filled
    image_key: ImageKey = ""


class _Emotion(Shape):
    tag: Literal["emotion"]
    emoji_type: Filled


class _CodeBlock(Shape):
    tag: Literal["code_block"]
    language: str = ""
    text: str


class _Rule(Shape):
    tag: Literal["hr"]


class _Markdown(Shape):
    tag: Literal["md"]
    text: str


def _marker(element: Any) -> str | None:
    """The union's label for an element: in angle brackets, so that it can be told from a key in an error's path."""
    tag = element.get("tag") if isinstance(element, dict) else None
    return f"<{tag}>" if isinstance(tag, str) and tag in _TAGS else None


Element = Annotated[
    Annotated[_Text, Tag("<text>")]
    | Annotated[_Anchor, Tag("<a>")]
    | Annotated[_Mention, Tag("<at>")]
    | Annotated[_Image, Tag("<img>")]
    | Annotated[_Media, Tag("<media>")]
    | Annotated[_Emotion, Tag("<emotion>")]
    | Annotated[_CodeBlock, Tag("<code_block>")]
    | Annotated[_Rule, Tag("<hr>")]
    | Annotated[_Markdown, Tag("<md>")],
    Discriminator(
        _marker,
        custom_error_type="tag",
        custom_error_message="{problem}",
        custom_error_context={
            "problem": Phrase("must be an object whose tag is one of {choices}", choices=", ".join(_TAGS))
        },
    ),
]


def _each_alone(paragraph: list[Element]) -> list[Element]:
    lone = next((element.tag for element in paragraph if element.tag in _ALONE), None)
    if lone and len(paragraph) > 1:
        problem = Phrase("contains {tag} next to other elements: it must be alone", tag=lone)
        raise PydanticCustomError("alone", "{problem}", {"problem": problem})
    return paragraph


def _known_locale(name: str) -> str:
    if name not in LOCALES:
        raise PydanticCustomError("locale", Phrase("is not a locale of a post: use zh_cn or en_us"))
    return name


def _shows(element: Element) -> bool:
    return not isinstance(element, _Text | _Anchor | _CodeBlock | _Markdown) or not is_blank(element.text)


class _Localised(Shape):
    title: str = ""
    content: list[Annotated[list[Element], AfterValidator(_each_alone)]]

    @model_validator(mode="after")
    def _shows_something(self) -> "_Localised":
        if is_blank(self.title) and not any(map(_shows, chain.from_iterable(self.content))):
            raise PydanticCustomError(
                "blank", Phrase("there is nothing to show: neither a title, nor an element that shows something")
            )
        return self


def _at_least_one(locales: dict[str, _Localised]) -> dict[str, _Localised]:
    if not locales:
        raise PydanticCustomError("locales", Phrase("needs at least one locale: zh_cn or en_us"))
    return locales


class _Post(Shape):
    post: Annotated[dict[Annotated[str, AfterValidator(_known_locale)], _Localised], AfterValidator(_at_least_one)]


def wrapped_post(content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Puts locales that stand bare, as im/v1 takes them, into the `post` object that the helpdesk API documents."""
    bare = "post" not in content and any(_LOCALE.fullmatch(key) for key in content)
    return {"post": content} if bare else content


def check_post(content: dict[str, JsonValue], where: str) -> None:
    """Raises BadInput when this, in its wrapped form, is not the content of a post."""
    validated(_Post, content, where)
