"""The judge of English finds what a reader of Chinese could not read, and nothing else."""

import pytest

from tests.english import english_in, english_on_page

__all__: list[str] = []


@pytest.mark.parametrize(
    "text",
    [
        "Not Found",
        "see the server's log",
        "请求无效：must be a string",
        "desk：there is no desk 'hr'",
        "Redis 无法连接 (Connection refused by peer)",
        "Enter a context with a value",
        "第 3 行 is empty",
        "maybe sent messages here",
        "没有权限 Permission to read",
        "Send it again",
    ],
)
def test_an_english_sentence_is_found_wherever_it_stands(text: str) -> None:
    assert english_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "无法连接 redis://127.0.0.1:6379/0 的 Redis：请检查 DESKBELL_REDIS_URL",
        "请用 `deskbell key create --name NAME --scope SCOPE` 创建一个",
        "应为 receive_type、user_id_type 之一",
        "不是 UTF-8 的 JSON：请改用 Content-Type application/json",
        "请使用 redis:// 或 sentinels://",
        "字段 tokens 只用于 feishu-bot",
        "从现在起的 90s、15m、1h、2d",
        "HTTP 503，log id L-1",
        "n_06hzb2k1c9f3q8rd",
        "ann@corp.example、+86 138 0000 0000",
        "Encrypt Key 和 Verification Token",
        "worker 在运行",
    ],
)
def test_names_code_and_addresses_are_not_english(text: str) -> None:
    assert english_in(text) == []


def test_what_the_caller_allows_is_passed_over_and_nothing_beside_it() -> None:
    assert english_in("飞书说：no user authority", allowed=["no user authority"]) == []
    assert english_in("飞书说：no user authority, it failed", allowed=["no user authority"]) == ["it failed"]


@pytest.mark.parametrize(
    "page",
    [
        "<p>Nothing is here</p>",
        "<p>No <b>worker</b> is running</p>",
        '<input placeholder="Type the name">',
        '<button type="submit" title="Start it now">开始</button>',
        '<input type="submit" value="Send it">',
        '<img alt="A chart of the hour">',
        "<title>Page not found</title>",
        "<pre>x</pre><p>the rest of it</p>",
    ],
)
def test_english_on_a_page_is_found_in_texts_and_attributes(page: str) -> None:
    assert english_on_page(page)


@pytest.mark.parametrize(
    "page",
    [
        "<p>这里什么都没有</p><script>var is = 'not the page'</script>",
        "<code>deskbell is up</code><pre>what the payload is</pre>",
        '<a lang="en" href="/">This is English</a><p>中文</p>',
        '<meta name="viewport" content="width of the device"><br><p>好</p>',
        "<textarea>what somebody has typed</textarea>",
    ],
)
def test_code_and_what_is_said_to_be_english_is_passed_over(page: str) -> None:
    assert english_on_page(page) == []
