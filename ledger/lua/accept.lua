-- accept(desk, all_or_nothing, {id, input, digest, key, key_ttl_ms, due, expires_at, on_unknown, callback, caller, contact} …)
--
-- Writes new events and puts them at the end of the desk's event lane, or among the scheduled ones. One by e-mail or mobile
-- whose person is not cached, or whose time is still to come, waits outside of both until its address is resolved (ask.lua).
-- ARGV[2]  all_or_nothing  1: when one key is taken by another content, nothing at all is accepted
-- ARGV[3…] by elevens:
--   id           the new notification's id. Accepting the same id again changes nothing (a replayed call)
--   input        JSON of the notification, opaque here
--   digest       hash of the content: the same key with another digest is refused
--   key          hash of the caller's key, or '' for none
--   key_ttl_ms   how long the key is remembered
--   due          ms of the earliest send, 0 = at once
--   expires_at   ms, 0 = never
--   on_unknown   resend | hold
--   callback     URL that its end is posted to, or ''
--   caller       the API key whose share of the callbacks that is, or '' where there is none
--   contact      `DIGEST email:…` or `DIGEST mobile:…`, or '' when the input names the receiver
-- Returns  by threes: accepted | duplicate | reused | skipped (all_or_nothing), id (the first one's, if
--          not accepted now), state
local all_or_nothing = ARGV[2] == '1'
local ELEVEN = 11

local function state_at_first(item) return item.due > now and 'scheduled' or 'queued' end

local function first_use(item)
  local known = redis.call('GET', key('key', DESK, item.key))
  if not known then return nil end
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  local first = open_record(id)
  if not first then return nil end -- its record has expired, and with it the promise to remember the key
  return {id = id, digest = digest, state = first.progress.state}
end

-- `seen`: the same key may stand twice in one call. What it first stood for may be older than the call.
local function use_in_call(twin)
  return twin.first or {id = twin.id, digest = twin.digest, state = state_at_first(twin)}
end

local items, seen, refused = {}, {}, false
for index = 3, #ARGV, ELEVEN do
  local item = {id = ARGV[index], input = ARGV[index + 1], digest = ARGV[index + 2], key = ARGV[index + 3],
    key_ttl_ms = ARGV[index + 4], due = tonumber(ARGV[index + 5]), expires_at = ARGV[index + 6],
    on_unknown = ARGV[index + 7], callback = ARGV[index + 8], caller = ARGV[index + 9],
    contact = ARGV[index + 10]}
  if item.key ~= '' then
    local twin = seen[item.key]
    item.first = twin and use_in_call(twin) or first_use(item)
    item.same = item.first and item.first.digest == item.digest
    seen[item.key] = twin or item
  end
  refused = refused or (item.first and not item.same)
  table.insert(items, item)
end

local accepted, queued, unresolved = {}, {}, nil
local app = redis.call('HGET', HOLDS, 'app')

-- Its person may be another when its time comes: then it is asked for what is cached by then.
local function receiver_of(item, state)
  local person = state == 'queued' and known_person(app, item.contact)
  if person and person.open_id then item.input, item.contact = addressed(item.input, person.open_id), '' end
end

local function write(item)
  local state = state_at_first(item)
  local record = place(item.id)
  if item.contact ~= '' then receiver_of(item, state) end
  if redis.call('HSETNX', record.key, 'input', item.input) == 0 then
    write_again(record.key)
    return open_record(item.id).progress.state
  end
  redis.call('HSET', record.key, 'desk', DESK, 'created_at', now, 'on_unknown', item.on_unknown,
    'expires_at', item.expires_at, 'progress', cjson.encode({state = state, at = now}))
  if item.callback ~= '' then redis.call('HSET', record.key, 'callback', item.callback, 'caller', item.caller) end
  if item.key ~= '' then
    redis.call('SET', key('key', DESK, item.key), item.id .. ' ' .. item.digest, 'PX', item.key_ttl_ms)
  end
  table.insert(accepted, now)
  table.insert(accepted, item.id)
  count(EVENT_LANE, state, 1)
  if item.contact ~= '' then
    redis.call('HSET', record.key, 'unresolved', item.contact)
    local at, ends = math.max(item.due, now), tonumber(item.expires_at)
    add_unresolved(item.id, at, ends)
    unresolved = unresolved or {at = at, ends = ends}
    unresolved.at = math.min(unresolved.at, at)
    if ends > 0 then unresolved.ends = unresolved.ends > 0 and math.min(unresolved.ends, ends) or ends end
  elseif state == 'scheduled' then
    redis.call('ZADD', key('lane', EVENT_LANE, 'due'), item.due, item.id)
    redis.call('ZADD', DUE, 'LT', item.due, EVENT_LANE)
    look_at(item.due)
  else
    table.insert(queued, item.id)
  end
  return state
end

local waiting = redis.call('LLEN', key('lane', EVENT_LANE, 'ids'))
local results, earlier = {}, nil
for _, item in ipairs(items) do
  local status, id, state = 'accepted', item.id, ''
  if refused and all_or_nothing then
    status = item.first and not item.same and 'reused' or 'skipped'
    id = item.first and item.first.id or item.id
  elseif item.first and item.first.id ~= item.id then
    status = item.same and 'duplicate' or 'reused'
    id, state = item.first.id, item.first.state
    earlier = id
  else
    state = write(item)
  end
  for _, value in ipairs({status, id, state}) do table.insert(results, value) end
end
in_portions('ZADD', EVENTS, accepted)
in_portions('RPUSH', key('lane', EVENT_LANE, 'ids'), queued)
flush()
if unresolved then look_at_added(unresolved.at, unresolved.ends) end
-- The last of all writes: with it as the first one, a full server would not refuse what is new.
if earlier then write_again(place(earlier).key) end
-- A lane that was not empty has the pacer's next look planned already.
if waiting == 0 and redis.call('LLEN', key('lane', EVENT_LANE, 'ids')) > 0 then look_at(now) end
return results
