#!/bin/sh
# The call with curl. The API's page leaves the second header out; so does this, where HELPDESK is empty.
exec curl --silent --show-error --include --request POST \
    "$FEISHU_URL/open-apis/helpdesk/v1/message?user_id_type=open_id" \
    --header "Authorization: Bearer $TENANT_TOKEN" \
    --header "Content-Type: application/json" \
    ${HELPDESK:+--header "X-Lark-Helpdesk-Authorization: $HELPDESK"} \
    --data '{
	"content": "{\"post\":{\"zh_cn\":{\"title\":\"电梯停运\",\"content\":[[{\"tag\":\"text\",\"text\":\"Lift 3 rests until noon\"}]]}}}",
	"msg_type": "post",
	"receive_type": "chat",
	"receiver_id": "'"$RECEIVER"'"
}'
