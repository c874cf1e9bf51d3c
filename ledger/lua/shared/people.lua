-- Events by e-mail or mobile that wait for their receivers: where they stand, and when Feishu may be asked about them.

--: Addresses that one call of the API takes (feishu/contact.py).
local ADDRESSES_PER_CALL = 50
--: An asker has this long to answer, ms; then another asks too. That does no harm: both get the same answer.
local ASKER_LEASE = 10000
--: After a question about several addresses the next one waits until it is full, and for this long at most, ms: thousands
--: that come one by one are not worth a call each. After a question about one address it does not wait.
local GATHER = 1000

local function people_hold()
  local hold = decoded(redis.call('HGET', HOLDS, 'people_hold'))
  return hold and hold.kind and type(hold['until']) == 'number' and hold or nil
end

-- The earliest ms at which Feishu may be asked again: no hold, no other asker, and enough to ask about. What lies farther
-- ahead than it can was written by a clock that was set back since.
local function may_ask_from(token)
  local got = redis.call('HMGET', HOLDS, 'asker', 'asked')
  local hold, from = people_hold(), now
  if hold and hold['until'] <= now + hold.interval then from = math.max(from, hold['until']) end
  local ends, asker = string.match(got[1] or '', '^(%d+) (%w+)$')
  if asker and asker == token then return from end -- its own question, whose answer it has not got
  if asker and tonumber(ends) <= now + ASKER_LEASE then from = math.max(from, tonumber(ends)) end
  local asked_at, addresses = string.match(got[2] or '0 0', '^(%d+) (%d+)$')
  asked_at, addresses = tonumber(asked_at or 0), tonumber(addresses or 0)
  if addresses > 1 and asked_at <= now and asked_at + GATHER > from
    and redis.call('ZCOUNT', UNRESOLVED, '-inf', now) < ADDRESSES_PER_CALL then from = asked_at + GATHER end
  return from
end

-- Has a worker look at the desk's unresolved ones at `at` ms or earlier.
local function look_at_unresolved(at) plan_look(UNRESOLVED_DESKS, UNRESOLVED_WAKE, at) end

local function add_unresolved(id, at, expires_at)
  redis.call('ZADD', UNRESOLVED, at, id)
  if expires_at > 0 then redis.call('ZADD', UNRESOLVED_ENDS, expires_at, id) end
end

-- `at`: when the first of those that were added is due; `ends`: when the first of them expires, 0 for never.
local function look_at_added(at, ends)
  at = math.max(at, may_ask_from())
  look_at_unresolved(ends > 0 and math.min(at, ends) or at)
end

local function join_unresolved(id, at, expires_at)
  add_unresolved(id, at, expires_at)
  look_at_added(at, expires_at)
end

local function leave_unresolved(id)
  redis.call('ZREM', UNRESOLVED, id)
  redis.call('ZREM', UNRESOLVED_ENDS, id)
end

-- An address as it stands in a record, and in questions and answers: `DIGEST email:…` or `DIGEST mobile:…`.
local function digest_of(contact) return string.sub(contact, 1, 32) end

-- What is cached of an address: a table with open_id, or with the problem; nil when nothing is.
local function known_person(app, contact)
  local answer = app and decoded(redis.call('GET', key('person', app, digest_of(contact))))
  return answer and (answer.open_id or answer.problem) and answer or nil
end

-- Before a retry somebody may have fixed what was wrong with it: a cached "nobody" must not answer for ten minutes.
local function forget_answer(contact)
  local app = redis.call('HGET', HOLDS, 'app')
  if app then redis.call('DEL', key('person', app, digest_of(contact))) end
end

-- The JSON of a notification with its receiver: in front, where nothing of what stands there is read or written again.
local function addressed(input, open_id)
  return '{"receiver_id":' .. cjson.encode(open_id) .. ',' .. string.sub(input, 2)
end
