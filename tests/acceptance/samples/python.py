"""The call with Feishu's client for Python, which takes the helpdesk's credentials as a header alone."""

import os
import sys

import lark_oapi
from lark_oapi.api.helpdesk.v1 import BotMessage, CreateBotMessageRequest

given = os.environ
CONTENT = '{"post":{"zh_cn":{"title":"电梯停运","content":[[{"tag":"text","text":"Lift 3 rests until noon"}]]}}}'

client = lark_oapi.Client.builder().app_id(given["APP_ID"]).app_secret(given["APP_SECRET"])
message = BotMessage.builder().msg_type("post").content(CONTENT).receiver_id(given["RECEIVER"]).receive_type("chat")
request = CreateBotMessageRequest.builder().user_id_type("open_id").request_body(message.build()).build()
headers = {"X-Lark-Helpdesk-Authorization": given["HELPDESK"]} if given["HELPDESK"] else {}
answer = (
    client.domain(given["FEISHU_URL"])
    .build()
    .helpdesk.v1.bot_message.create(request, lark_oapi.RequestOption.builder().headers(headers).build())
)
sys.stdout.write(answer.raw.content.decode())
