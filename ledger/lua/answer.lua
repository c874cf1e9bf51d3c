-- answer(desk, token, app, results_for_ms, kind, hold_ms, reason, code, http_status, phrase, {contact, answer, kept_ms} …)
--
-- Caches what Feishu said of the addresses that `ask` gave out, and settles the events that wait for it. Each answer is a
-- fact, so it counts from any caller, and also when it comes twice.
-- ARGV[2]  token
-- ARGV[3]  app
-- ARGV[4]  results_for_ms
-- ARGV[5]  kind         '' when Feishu answered, else why it did not: throttled | credentials | quota | outage
-- ARGV[6]  hold_ms      for how long nobody asks then; doubles while the kind stays the same, except for a throttle
-- ARGV[7]  reason       for people: what the API said, in English
-- ARGV[8]  code         of the answer, or ''; and ARGV[9] its HTTP status
-- ARGV[10] phrase       JSON of the reason, from which it is said in another language
-- ARGV[11…] by threes:
--   contact   `DIGEST email:…` or `DIGEST mobile:…`
--   answer    JSON: {open_id}, or {problem, reason, code}
--   kept_ms   how long it is cached
-- Returns  1 when a hold is new, -1 when one has ended, else 0
local token, app, results_for_ms, kind = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
--: The longest wait between two probes, ms.
local LONGEST_PROBE = 300000

local answers = {}
for index = 11, #ARGV, 3 do
  local contact, text, kept_ms = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  answers[contact] = decoded(text)
  local digest = digest_of(contact)
  redis.call('SET', key('person', app, digest), text, 'PX', kept_ms)
  if answers[contact].open_id then
    local addresses = key('person', app, 'of', answers[contact].open_id)
    redis.call('SADD', addresses, digest)
    redis.call('PEXPIRE', addresses, kept_ms)
  end
end

local asker = redis.call('HGET', HOLDS, 'asker')
local is_asker = asker and string.match(asker, ' (%w+)$') == token
if is_asker then redis.call('HDEL', HOLDS, 'asker') end

local function start_hold()
  local hold = people_hold()
  local same = hold and hold.kind == kind
  local interval = tonumber(ARGV[6])
  if same and kind ~= 'throttled' then interval = math.min(hold.interval * 2, LONGEST_PROBE) end
  redis.call('HSET', HOLDS, 'people_hold', cjson.encode({kind = kind, interval = interval, ['until'] = now + interval,
    since = hold and hold.since or now, reason = ARGV[7], code = tonumber(ARGV[8]), http_status = tonumber(ARGV[9]),
    phrase = ARGV[10]}))
  return same and 0 or 1
end

local change = 0
if kind == '' then change = -redis.call('HDEL', HOLDS, 'people_hold') elseif is_asker then change = start_hold() end
local contacts, is_more = settle_due(app, answers, results_for_ms)
plan_unresolved(may_ask_from(), #contacts > 0 or is_more)
return change
