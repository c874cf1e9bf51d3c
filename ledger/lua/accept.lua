-- accept(desk, all_or_nothing, results_for_ms, key_ttl_ms, {id, input, digest, key, more} …)
--
-- Writes new events and puts them at the end of the desk's event lane, or among the scheduled ones. One by e-mail or mobile
-- whose person is not cached, or whose time is still to come, waits outside of both until its address is resolved (ask.lua).
-- One with a window may join the message of that window instead: then it is `joined`, which is final.
-- ARGV[2]  all_or_nothing  1: when one key is taken by another content, nothing at all is accepted
-- ARGV[3]  results_for_ms
-- ARGV[4]  key_ttl_ms      how long a key is remembered
-- ARGV[5…] by fives:
--   id     the new notification's id. Accepting the same id again changes nothing (a replayed call)
--   input  JSON of the notification, opaque here
--   digest hash of the content: the same key with another digest is refused
--   key    hash of the caller's key, or '' for none
--   more   '' for a plain event, else JSON with any of:
--     key_ttl_ms   how long the key of an event with a time of its own is remembered
--     due          ms of the earliest send; else at once
--     expires_at   ms; else never
--     on_unknown   hold; else resend
--     callback     URL that its end is posted to
--     caller       the API key whose share of the callbacks that is; with a callback alone
--     contact      `DIGEST email:…` or `DIGEST mobile:…`, when the input does not name the receiver
--     window       of an event that may join a message:
--       key      of the window: each hook, receiver and `throttle_key` has one
--       kind     throttle: the first goes at once, later ones join · digest: all join
--       length   ms from the event that opens it to its end
--       until    ms before which it does not end: the end of the quiet hours, or 0
--       message  id for the message, if this event is the first to join
--       own      how many bytes of the input, with the first brace, are the event's own; the rest is the message's input, too
--       group    it is counted under this name
--       line     its text in the message
--       zone     time zone of the message's times, or ''
--     alert        of a hook, the alert that it tells of:
--       key          of the alert, for each receiver
--       is_resolved  whether it ended; else it fires
--       fired_at     ms since when it has fired, and
--       resolved_at  ms when it ended, as the tool says, or 0
-- Returns  by fours: accepted | duplicate | reused | skipped (all_or_nothing), id (the first one's, if
--          not accepted now), state, the message that it joined or ''
local all_or_nothing = ARGV[2] == '1'
local results_for_ms, key_ttl_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local FIVE = 5

local function state_at_first(item) return item.due > now and 'scheduled' or 'queued' end

local function first_use(item)
  local known = redis.call('GET', key('key', DESK, item.key))
  if not known then return nil end
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  local first = open_record(id)
  if not first then return nil end -- its record has expired, and with it the promise to remember the key
  return {id = id, digest = digest, state = first.progress.state, into = first.progress.into}
end

-- `seen`: the same key may stand twice in one call. What it first stood for may be older than the call.
local items, seen, refused = {}, {}, false
local PLAIN = {}
for index = 5, #ARGV, FIVE do
  local more = ARGV[index + 4] == '' and PLAIN or cjson.decode(ARGV[index + 4])
  local item = {id = ARGV[index], input = ARGV[index + 1], digest = ARGV[index + 2], key = ARGV[index + 3],
    key_ttl_ms = more.key_ttl_ms or key_ttl_ms, due = more.due or 0, expires_at = string.format('%d', more.expires_at or 0),
    on_unknown = more.on_unknown or 'resend', callback = more.callback or '', caller = more.caller or '',
    contact = more.contact or '', window = more.window, alert = more.alert}
  if item.key ~= '' then
    local twin = seen[item.key]
    item.first = twin and (twin.first or twin) or first_use(item)
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

-- Where a new one waits: for its turn, for its time, or for its receiver.
local function stand(id, state, due, expires_at, contact)
  table.insert(accepted, now)
  table.insert(accepted, id)
  count(EVENT_LANE, state, 1)
  if contact ~= '' then
    redis.call('HSET', key('n', id), 'unresolved', contact)
    local at, ends = math.max(due, now), tonumber(expires_at)
    add_unresolved(id, at, ends)
    unresolved = unresolved or {at = at, ends = ends}
    unresolved.at = math.min(unresolved.at, at)
    if ends > 0 then unresolved.ends = unresolved.ends > 0 and math.min(unresolved.ends, ends) or ends end
  elseif state == 'scheduled' then
    redis.call('ZADD', key('lane', EVENT_LANE, 'due'), due, id)
    redis.call('ZADD', DUE, 'LT', due, EVENT_LANE)
    look_at(due)
  else
    table.insert(queued, id)
  end
end

-- The message of a window, a notification of its own: due when the window ends, which `release` then closes. `lasts`: it ends
-- after a span, and not at a time of day as quiet hours do.
local function open_message(item, window, kept)
  kept.message = window.message
  redis.call('HSET', key('n', kept.message), 'input', '{' .. string.sub(item.input, window.own + 1), 'desk', DESK,
    'created_at', now, 'on_unknown', item.on_unknown, 'expires_at', item.expires_at, 'gathers', window.kind,
    'progress', cjson.encode({state = 'scheduled', at = now, due = kept.ends, gathers = window.kind,
      lasts = kept.ends == kept.since + window.length and 1 or nil}))
  redis.call('HSET', key('joined', kept.message), 'since', kept.since, 'zone', window.zone)
  stand(kept.message, 'scheduled', kept.ends, item.expires_at, item.contact)
  remember_window(window, kept)
end

-- The message that an event joins, or nil if the event is sent on its own: as the first of a throttle, or because it would
-- expire before the message is sent.
local function joins(item, window, fired)
  local kept = open_window(window)
  if not kept then
    kept = {since = now, ends = math.max(now + window.length, window['until'])}
    if window.kind == 'throttle' then return remember_window(window, kept) end
  end
  local expires_at = tonumber(item.expires_at)
  if expires_at > 0 and expires_at <= kept.ends then
    item.due = expires_at
    return nil
  end
  if kept.record then extend_expiry(kept.record, expires_at) end
  if not kept.message then open_message(item, window, kept) end
  keep_line(kept.message, item, window, fired)
  return kept.message
end

--: How many ids of the messages that tell of ends are kept with one message: a digest may have told of many firings.
local MOST_RESOLVED_BY = 20

-- Links a message that told of a firing with the one that tells of the end. Its record may have expired meanwhile.
local function note_resolved(id, by)
  local name = key('n', id)
  if redis.call('EXISTS', name) == 0 then return false end
  local ids = redis.call('HGET', name, 'resolved_by')
  if not ids then
    redis.call('HSET', name, 'resolved_by', by)
  elseif select(2, string.gsub(ids, ' ', '')) + 1 < MOST_RESOLVED_BY then
    redis.call('HSET', name, 'resolved_by', ids .. ' ' .. by)
  end
  return true
end

-- The first message that tells of an alert is remembered until the alert ends. `into`: the message that the event joined.
local function begin_alert(item, alert, into)
  local name = key('alert', DESK, alert.key)
  if redis.call('EXISTS', name) == 1 then return end
  local since = alert.fired_at > 0 and alert.fired_at < now and alert.fired_at or now
  local told = cjson.encode({event = item.id, message = into or item.id, since = since})
  redis.call('SET', name, told, 'PX', item.key_ttl_ms)
end

-- An alert ends once. Returns from when until when it fired, ms, by what the tool says, else since its first message was
-- accepted; and that message. Each of them may be nil.
local function end_alert(item, alert)
  local name = key('alert', DESK, alert.key)
  local first = decoded(redis.call('GET', name))
  redis.call('DEL', name)
  local since = alert.fired_at > 0 and alert.fired_at or first and tonumber(first.since)
  if not since or since >= now then since = nil end
  local ended = alert.resolved_at > 0 and alert.resolved_at <= now and alert.resolved_at or now
  if since and ended <= since then ended = now end
  local message = first and note_resolved(first.event, item.id) and first.message or nil
  if message and message ~= first.event then note_resolved(message, item.id) end
  return since and {since, ended}, message
end

local function write_joined(item, record, progress)
  redis.call('HSET', record.key, 'progress', cjson.encode(progress))
  redis.call('PEXPIRE', record.key, item.callback ~= '' and math.max(results_for_ms, CALLBACKS_FOR) or results_for_ms)
  if item.callback ~= '' then owe_callback(item.id, 'joined', item.callback, item.caller, progress) end
  table.insert(accepted, now)
  table.insert(accepted, item.id)
  count(EVENT_LANE, 'joined', 1)
  return 'joined', progress.into
end

local function write(item)
  local record = place(item.id)
  if item.contact ~= '' and not item.window then receiver_of(item, state_at_first(item)) end
  if redis.call('HSETNX', record.key, 'input', item.input) == 0 then
    write_again(record.key)
    local progress = open_record(item.id).progress
    return progress.state, progress.into
  end
  redis.call('HSET', record.key, 'desk', DESK, 'created_at', now, 'on_unknown', item.on_unknown, 'expires_at', item.expires_at)
  if item.callback ~= '' then redis.call('HSET', record.key, 'callback', item.callback, 'caller', item.caller) end
  if item.key ~= '' then
    redis.call('SET', key('key', DESK, item.key), item.id .. ' ' .. item.digest, 'PX', item.key_ttl_ms)
  end
  local progress, alert = {at = now}, item.alert
  if alert and alert.is_resolved then progress.fired, progress.resolve_of = end_alert(item, alert) end
  progress.into = item.window and joins(item, item.window, progress.fired) or nil
  if alert and not alert.is_resolved then begin_alert(item, alert, progress.into) end
  progress.state = progress.into and 'joined' or state_at_first(item)
  if progress.into then return write_joined(item, record, progress) end
  redis.call('HSET', record.key, 'progress', cjson.encode(progress))
  stand(item.id, progress.state, item.due, item.expires_at, item.contact)
  return progress.state
end

local waiting = redis.call('LLEN', key('lane', EVENT_LANE, 'ids'))
local results, earlier = {}, nil
for _, item in ipairs(items) do
  local status, id, state, into = 'accepted', item.id, '', nil
  if refused and all_or_nothing then
    status = item.first and not item.same and 'reused' or 'skipped'
    id = item.first and item.first.id or item.id
  elseif item.first and item.first.id ~= item.id then
    status = item.same and 'duplicate' or 'reused'
    id, state, into = item.first.id, item.first.state, item.first.into
    earlier = id
  else
    item.state, item.into = write(item)
    state, into = item.state, item.into
  end
  for _, value in ipairs({status, id, state, into or ''}) do table.insert(results, value) end
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
