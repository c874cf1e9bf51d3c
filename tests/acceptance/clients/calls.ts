// Calls every operation once with openapi-fetch and the types that openapi-typescript makes. Prints the method and the
// path of each whose answer has what its type promises.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string> };

const { DESKBELL, KEY, APPROVER, FAILED, UNKNOWN, VERIFICATION } = process.env;
const telling: Middleware = {
  onResponse({ request, schemaPath, response }) {
    if (response.ok) console.log(`${request.method} ${schemaPath}`);
  },
};
const clientOf = (secret: string) => {
  const client = createClient<paths>({ baseUrl: DESKBELL, headers: { Authorization: `Bearer ${secret}` } });
  client.use(telling);
  return client;
};
const me = clientOf(KEY);
const colleague = clientOf(APPROVER);

/** The answer, as its type has it. Refusals end the program. */
async function taken<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok || data === undefined) throw new Error(`${response.url} ${response.status} ${JSON.stringify(error)}`);
  return data;
}
function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}

type Id = { id: string };
const people = ["ada", "bob"].map((name) => ({ receiver_id: `ou_${name}`, name }));

async function draftOf(name: string): Promise<components["schemas"]["Announcement"]> {
  const body = { name, text: "Dear {{ name }}", rows: people, draft: true, weight: 3 };
  const { id } = (await taken(me.POST("/v1/announcements", { body }))) as Id;
  return taken(me.GET("/v1/announcements/{id}", { params: { path: { id } } }));
}

async function notifications(): Promise<void> {
  const { id } = (await taken(
    me.POST("/v1/notifications", { body: { receiver_id: "ou_ada", text: "Disk full", at: "1h" } }),
  )) as Id;
  const params = { path: { id } };
  const page = await taken(me.GET("/v1/notifications", { params: { query: { limit: 5 } } }));
  holds(page.notifications[0].attempts.length === 0, "it was not sent yet");
  const found = await taken(me.GET("/v1/notifications/{id}", { params }));
  holds(found.state === "scheduled", "it waits");
  const moved = await taken(me.POST("/v1/notifications/{id}/reschedule", { params, body: { at: "2h" } }));
  holds(moved.due_at! > found.due_at!, "it waits longer");
  await taken(me.POST("/v1/notifications/{id}/cancel", { params }));
  await taken(me.POST("/v1/notifications/{id}/retry", { params: { path: { id: FAILED } } }));
  await taken(
    me.POST("/v1/notifications/{id}/resolve", { params: { path: { id: UNKNOWN } }, body: { as: "delivered" } }),
  );
}

async function announcements(): Promise<void> {
  const { id } = (await taken(
    me.POST("/v1/announcements", { body: { name: "Move", text: "Dear {{ name }}", rows: people } }),
  )) as Id;
  const params = { path: { id } };
  const page = await taken(me.GET("/v1/announcements", {}));
  holds(page.announcements[0].id === id, "it is the newest");
  holds((await taken(me.GET("/v1/announcements/{id}", { params }))).total === 2, "it has two rows");
  const results = (await taken(me.GET("/v1/announcements/{id}/results", { params }))) as components["schemas"]["ResultPage"];
  holds(results.results[0].receiver_id === "ou_ada", "the first row is Ada's");
  const rows = await taken(me.GET("/v1/announcements/{id}/rows", { params: { ...params, query: { find: "bob" } } }));
  holds(rows.rows[0].receiver_id === "ou_bob", "Bob is found");
  await taken(me.POST("/v1/announcements/{id}/pause", { params }));
  await taken(me.POST("/v1/announcements/{id}/reschedule", { params, body: { at: "1h" } }));
  await taken(me.POST("/v1/announcements/{id}/resume", { params }));
  holds((await taken(me.POST("/v1/announcements/{id}/retry", { params }))).rows === 0, "none failed");
  const settled = await taken(me.POST("/v1/announcements/{id}/resolve", { params, body: { as: "failed" } }));
  holds(settled.rows === 0, "none is unknown");
  await taken(me.POST("/v1/announcements/{id}/cancel", { params }));
}

async function drafts(): Promise<void> {
  const made = await draftOf("Lunch");
  const params = { path: { id: made.id } };
  await taken(me.POST("/v1/announcements/{id}/test", { params, body: { to: "ou_ann", row: "first" } }));
  const body = { version: made.draft!.version, text: "{{ name }}, at noon" };
  const edited = await taken(me.PUT("/v1/announcements/{id}", { params, body }));
  holds(edited.weight === 3, "what is not given stays as it is");
  await taken(me.POST("/v1/announcements/{id}/submit", { params }));
  const { fingerprint } = edited.draft!;
  await taken(colleague.POST("/v1/announcements/{id}/approve", { params, body: { fingerprint } }));
  await taken(colleague.POST("/v1/announcements/{id}/reject", { params, body: { why: "The date is wrong" } }));
  await taken(me.POST("/v1/announcements/{id}/start", { params }));
  await taken(me.POST("/v1/announcements/{id}/correct", { params, body: { text: "{{ name }}, at one" } }));
  await taken(me.POST("/v1/announcements/{id}/again", { params, body: { name: "Once more", rest: false } }));
  const gone = await draftOf("Gone");
  await taken(me.POST("/v1/announcements/{id}/discard", { params: { path: { id: gone.id } } }));
}

async function aroundThem(): Promise<void> {
  const params = { path: { name: "disk" } };
  await taken(me.PUT("/v1/templates/{name}", { params, body: { text: "Disk of {{ host }}" } }));
  holds((await taken(me.GET("/v1/templates", {}))).templates[0].variables[0] === "host", "it has a variable");
  holds((await taken(me.GET("/v1/templates/{name}", { params }))).versions.length === 1, "it has one version");
  holds((await me.DELETE("/v1/templates/{name}", { params })).response.status === 204, "it is gone");
  holds((await taken(me.GET("/v1/desks", {}))).desks[0].name === "default", "there is a desk");
  await taken(me.POST("/v1/desks/{name}/resume", { params: { path: { name: "default" } } }));
  const made = await taken(me.POST("/v1/keys", { body: { name: "grafana", scopes: ["send"] } }));
  holds(made.secret.startsWith("dbk_"), "it has a secret");
  holds((await taken(me.GET("/v1/keys", {}))).keys.some((key) => key.id === made.id), "it is listed");
  await taken(me.DELETE("/v1/keys/{id}", { params: { path: { id: made.id } } }));
  holds((await taken(me.GET("/v1/audit", {}))).acts[0].did === "revoke key", "that is on record");
}

async function doors(): Promise<void> {
  const params = { path: { name: "oncall" } };
  const backup = { params, body: { title: "Backup", text: "3 of 3 done" } };
  await taken(me.POST("/v1/hooks/{name}", backup));
  await taken(me.PUT("/v1/hooks/{name}", backup));
  holds((await me.OPTIONS("/v1/hooks/{name}", { params, parseAs: "text" })).response.ok, "events may be posted");
  const text = { msg_type: "text", content: { text: "Build 87 failed" } };
  const bot = await taken(me.POST("/open-apis/bot/v2/hook/{token}", { params: { path: { token: "builds" } }, body: text }));
  holds(bot.code === 0, "the bot's hook has taken it");
  const challenge = { type: "url_verification", challenge: "c", token: VERIFICATION };
  holds((await taken(me.POST("/v1/feishu/events", { body: challenge }))).challenge === "c", "the challenge comes back");
  holds((await taken(me.GET("/healthz", {}))).status === "ok", "it lives");
  await taken(me.GET("/readyz", {}));
  holds((await taken(me.GET("/metrics", { parseAs: "text" }))).includes("deskbell"), "there are metrics");
}

await notifications();
await announcements();
await drafts();
await aroundThem();
await doors();
