"""What the editor asks the server for, over a real socket and a real Valkey: who may, and what is told."""

import json
from io import BytesIO

import pytest
from openpyxl import Workbook

from ledger.api_key import Scope
from ledger.saved_templates import SavedTemplates
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

FORM = "/announcements/new"


def visitor(web: WebThread, *scopes: Scope, language: str = "en") -> Visitor:
    found = Visitor(web.url, language)
    if scopes:
        found.sign_in(web.secret(*scopes))
    found.look(FORM)
    return found


def looked_at(who: Visitor, **fields: str) -> str:
    answer = who.act("/editor/look", **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_look_is_that_of_the_card_with_the_first_row(web: WebThread) -> None:
    sample = json.dumps({"name": "Ada", "Full name": ""})
    html = looked_at(visitor(web), markdown="# Move\n\nDear **{{ name }}**, {{ Full name }}", sample=sample)
    assert '<div class="head default">Move</div>' in html
    assert "Dear <b>Ada</b>, ‹Full name›" in html


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "What you write is shown here"),
        ({"markdown": "\n\na\n\n```\nb\n```"}, "line 5: a card cannot show a block of code"),
        ({"markdown": "{{ x", "sample": "{}"}, "is not a valid template"),
        ({"text": "{{ nmae }}", "sample": '{"name": ""}'}, "did you mean &#34;name&#34;?"),
        ({"text": "x", "markdown": "y"}, "write one of them"),
        ({"template": "none"}, "has no templates"),
        ({"text": "{{ name }}", "sample": "[[["}, "‹name›"),
        ({"text": "{{ name }}", "sample": '{"name": 5}'}, "‹name›"),
        ({"text": "hi", "template": ""}, "hi"),
    ],
)
def test_what_cannot_be_shown_is_told(web: WebThread, fields: dict[str, str], said: str) -> None:
    assert said in looked_at(visitor(web), **fields)


def test_it_is_told_in_the_reader_s_language(web: WebThread) -> None:
    assert "第 1 行：卡片不能显示代码块" in looked_at(visitor(web, language="zh-CN"), markdown="```\na\n```")


def test_no_value_of_a_file_is_markup_in_the_look(web: WebThread) -> None:
    sample = json.dumps({"name": "<script>*x*</script>"})
    for field in ("text", "markdown"):
        html = looked_at(visitor(web), **{field: "Dear {{ name }}", "sample": sample})
        assert "<script>" not in html
        assert "&lt;script&gt;*x*&lt;/script&gt;" in html


def test_the_columns_of_a_file_are_chips_that_insert_them(web: WebThread) -> None:
    who = visitor(web)
    content = b'receiver_id,name,a|b,"<i>"\nou_ada,Ada,1,2\n'
    html = who.act("/editor/columns", files={"recipients": ("p.csv", content)}).text
    assert 'data-insert="{{ name }}" title="Ada">name</button>' in html
    assert "{{ row[&#34;a|b&#34;] }}" in html
    assert "<i>" not in html
    book, stream = Workbook(), BytesIO()
    book.active.append(["邮箱", "姓名"])
    book.active.append(["a@corp.example", "张三"])
    book.save(stream)
    html = who.act("/editor/columns", files={"recipients": ("p.xlsx", stream.getvalue())}).text
    assert 'data-insert="{{ 姓名 }}" title="张三">姓名</button>' in html


def test_a_file_that_was_cut_is_read_up_to_its_last_whole_line(web: WebThread) -> None:
    row = "ou_ada,搬家\n".encode()
    content = "receiver_id,通知\n".encode() + row * (64 * 1024 // len(row) + 1)
    html = visitor(web).act("/editor/columns", files={"recipients": ("p.csv", content[: 64 * 1024])}).text
    assert 'title="搬家">通知</button>' in html


def test_what_is_no_such_file_is_told(web: WebThread) -> None:
    who = visitor(web)
    assert "problem" in who.act("/editor/columns", files={"recipients": ("p.csv", b"\0\0\0")}).text
    refused = who.act("/editor/picture", desk="default", files={"picture": ("p.png", b"x")})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "text/plain; charset=utf-8")
    assert "is not an image that Feishu accepts" in refused.text


def test_only_keys_that_announce_may_and_no_other_site(web: WebThread) -> None:
    reader, announcer = visitor(web, Scope.READ), visitor(web, Scope.READ, Scope.ANNOUNCE)
    for path in ("look", "columns", "picture"):
        assert reader.act(f"/editor/{path}", text="x").status_code == 403
        assert announcer.act(f"/editor/{path}", token="0" * 64, text="x").status_code == 403
    assert announcer.act("/editor/look", text="x").status_code == 200


def test_the_templates_of_a_desk_stand_in_the_form(web: WebThread) -> None:
    message = {"msg_type": "text", "content": {"text": "Dear {{ name }}"}}
    SavedTemplates(web.context.ledger).save("default", "welcome", message, None, "test")
    who = visitor(web)
    assert "<option>welcome</option>" in who.page.text
    assert "Dear ‹name›" in looked_at(who, template="welcome")
