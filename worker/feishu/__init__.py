"""The Feishu API: what Deskbell calls, and what the answers mean."""

from ledger.codes import CodeTable, Kind
from worker.feishu.client import FeishuClient, Ticket, TicketPage
from worker.feishu.errors import AskFailed
from worker.feishu.token import RedisTokens, TokenStore
from worker.feishu.verdict import Verdict

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
