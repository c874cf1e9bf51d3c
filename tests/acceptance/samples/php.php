<?php
// The call with Guzzle. Without HELPDESK the second header is left out, as on the API's page.
require 'GuzzleHttp/autoload.php';

use GuzzleHttp\Client;
use GuzzleHttp\Psr7\Request;

$headers = ['Authorization' => 'Bearer ' . getenv('TENANT_TOKEN'), 'Content-Type' => 'application/json'];
if (getenv('HELPDESK')) {
    $headers['X-Lark-Helpdesk-Authorization'] = getenv('HELPDESK');
}
$body = '{
    "msg_type": "post",
    "content": "{\"post\":{\"zh_cn\":{\"title\":\"电梯停运\",\"content\":[[{\"tag\":\"text\",\"text\":\"Lift 3 rests until noon\"}]]}}}",
    "receiver_id": "' . getenv('RECEIVER') . '",
    "receive_type": "chat"
}';
$url = getenv('FEISHU_URL') . '/open-apis/helpdesk/v1/message?user_id_type=open_id';
$client = new Client(['http_errors' => false]);
echo $client->sendAsync(new Request('POST', $url, $headers, $body))->wait()->getBody();
