"""The Feishu API: what Deskbell calls, and what the answers mean."""

from feishu.client import FeishuClient, Ticket, TicketPage
from feishu.codes import CodeTable, Kind
from feishu.errors import AskFailed
from feishu.token import RedisTokens, TokenStore
from feishu.verdict import Verdict

__all__ = [
    "AskFailed",
    "CodeTable",
    "FeishuClient",
    "Kind",
    "RedisTokens",
    "Ticket",
    "TicketPage",
    "TokenStore",
    "Verdict",
]
