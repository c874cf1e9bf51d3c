-- ask(desk, token, app, results_for_ms)
--
-- Takes the addresses of unresolved events that Feishu must be asked about, for one asker at a time. What the cache answers is
-- settled at once, and what has expired ends.
-- ARGV[2]  token           of the asker: asking again with it is a replay
-- ARGV[3]  app             hash of the app, for which open_ids are good
-- ARGV[4]  results_for_ms
-- Returns  [ms until the desk needs another look (-1: nothing waits), contact, contact, …]: `DIGEST email:…` or `DIGEST mobile:…`, to ask
--          about now and to answer (answer.lua) within ASKER_LEASE
local token, app, results_for_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
redis.call('HSET', HOLDS, 'app', app)

local contacts, is_more = settle_due(app, {}, results_for_ms)
local from = may_ask_from(token)
local is_due = #contacts > 0
if is_due and from <= now then
  redis.call('HSET', HOLDS, 'asker', string.format('%d %s', now + ASKER_LEASE, token),
    'asked', string.format('%d %d', now, #contacts))
  from = now + ASKER_LEASE
else
  contacts = {}
  if is_more and not is_due then is_due, from = true, now end
end
table.insert(contacts, 1, plan_unresolved(from, is_due))
return contacts
