// The call with Feishu's client for Node. It says "Bearer " before the helpdesk's credentials.
const lark = require('@larksuiteoapi/node-sdk');

const { FEISHU_URL, APP_ID, APP_SECRET, HELPDESK, HELPDESK_ID, HELPDESK_TOKEN, TENANT_TOKEN, RECEIVER } = process.env;
const content = { post: { zh_cn: { title: '电梯停运', content: [[{ tag: 'text', text: 'Lift 3 rests until noon' }]] } } };
const client = new lark.Client({
    appId: APP_ID,
    appSecret: APP_SECRET,
    helpDeskId: HELPDESK_ID,
    helpDeskToken: HELPDESK_TOKEN,
    domain: FEISHU_URL,
    disableTokenCache: true,
    loggerLevel: lark.LoggerLevel.fatal,
});
const message = {
    params: { user_id_type: 'open_id' },
    data: { msg_type: 'post', content: JSON.stringify(content), receiver_id: RECEIVER, receive_type: 'chat' },
};
// lark.withAll would keep the token alone.
const options = { ...lark.withTenantToken(TENANT_TOKEN), ...(HELPDESK ? lark.withHelpDeskCredential() : {}) };

client.helpdesk.v1.botMessage
    .create(message, options)
    .then((answer) => console.log(JSON.stringify(answer)))
    .catch((error) => console.log(JSON.stringify(error.response.data)));
