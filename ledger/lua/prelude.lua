-- What every verb shares. `ledger.verbs` loads it in front of each verb, behind the tables ALLOWED,
-- FINAL and INDEXED, which it makes from ledger/states.py.
--
-- KEYS[1]  {prefix}   Every other key is built from it here, in one place: which lanes and records a verb
--                     touches is found out inside it. (Redis Cluster is no loss: kombu does not support it.)
-- ARGV[1]  desk       name of the desk that the verb works for
--
-- Redis TIME is the only clock: skew between workers can neither mint a slot nor end a lease early.

local PREFIX = KEYS[1]
local DESK = ARGV[1]

local function key(...) return table.concat({PREFIX, ...}, ':') end

-- Whoever is of another version than the ledger touches nothing of it: see ledger/schema.py. The first verb says which it is.
local schema = redis.call('GET', key('schema'))
if not schema then
  redis.call('SET', key('schema'), SCHEMA)
elseif schema ~= SCHEMA then
  return redis.error_reply('SCHEMA ' .. schema)
end

local DESKS = key('desks')                    -- zset   desk -> ms when the pacer must look at it next
local WAKE = key('wake')                      -- channel: a desk has become due at once
local EVENTS = key('events')                  -- zset   event -> ms of acceptance
local ANNOUNCEMENTS = key('announcements')    -- zset   announcement -> ms of its start
local HOLDS = key('desk', DESK)               -- hash   hold, streak, pace_at, fingerprint
local SLOTS = key('desk', DESK, 'slots')      -- list   ms of the calls granted, latest first
local TURNS = key('desk', DESK, 'turns')      -- zset   announcement with rows to release -> turns it has had, by its weight
local DUE = key('desk', DESK, 'due')          -- zset   lane -> ms when something of it becomes due
local CALLS = key('desk', DESK, 'calls')      -- hash   outcome -> calls that came to it
local TALLY = key('desk', DESK, 'tally')      -- hash   what is counted for the metrics (ledger/tally.py) -> how often
local SHARE = key('desk', DESK, 'share')      -- string share of its quota that the desk dares to use, if not all
local LEASES = key('desk', DESK, 'leases')    -- zset   released or claimed notification -> ms when the lease ends
local TICKETS = key('desk', DESK, 'tickets')  -- zset   receiver with an open ticket -> ms when it was seen
local DAMAGED = key('damaged')                -- zset   record that was found damaged -> ms when
local CLOCK = key('clock')                    -- hash   seen: ms when a leading pacer last found the clock right; the last step of it
local EVENT_LANE = 'e_' .. DESK

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

--: A leading pacer vouches for the clock every 400 ms (lead.lua). After this, ms, nobody has: either none leads, or the clock was set.
local VOUCHED_FOR = 2000

-- Whether slots and leases may be judged by `now`. If the clock was set forward, the window would be forgotten and every
-- lease be over; so nothing is taken or ended until a pacer has found out (worker/pacer.py).
local function is_clock_vouched()
  local seen = tonumber(redis.call('HGET', CLOCK, 'seen') or now)
  return math.abs(now - seen) <= VOUCHED_FOR
end

-- Where a notification's record is: an event has a hash of its own, an announcement's row two fields of one hash. A row
-- has one name: `-007` is not `-7`, or it would be counted twice.
local function place(id)
  local stem, row = string.match(id, '^n_(%w+)%-(%d+)$')
  if row and (row == '0' or string.sub(row, 1, 1) ~= '0') then
    return {id = id, key = key('rows', 'a_' .. stem), input = row, progress_field = row .. '+', lane = 'a_' .. stem}
  end
  return {id = id, key = key('n', id), input = 'input', progress_field = 'progress', lane = EVENT_LANE, event = true}
end

-- What of an announcement the verbs need, read once; nil when there is none. Of its rows, those from `next` on were never
-- released: they are all in the state `rest`, and nothing is written of them until their turn comes.
local known = {}

-- One whose record is damaged is left alone, as if there were none: it must not stop the others of its desk. Until it is
-- started it has only a state.
local function is_whole(info)
  if info.state == 'loading' then return true end
  return info.next and info.total and ALLOWED[info.rest] and info.expires_at and (info.weight or 0) > 0 and info.opens_at
    and info.results_for and info.cancelled_ahead and info.started_at
end

local function announcement(id)
  if known[id] == nil then
    local got = redis.call('HMGET', key('lane', id), 'state', 'next', 'total', 'rest', 'expires_at', 'on_unknown', 'weight',
      'opens_at', 'hours', 'timed', 'results_for', 'cancelled_ahead', 'started_at', 'callback', 'caller')
    known[id] = got[1] and {id = id, state = got[1], next = tonumber(got[2]), total = tonumber(got[3]), rest = got[4],
      expires_at = tonumber(got[5]), on_unknown = got[6], weight = tonumber(got[7]), opens_at = tonumber(got[8]),
      hours = got[9] == '1', timed = got[10] == '1', results_for = tonumber(got[11]),
      cancelled_ahead = tonumber(got[12] or 0), started_at = tonumber(got[13]), callback = got[14], caller = got[15]} or false
    if known[id] and not is_whole(known[id]) then known[id] = false end
  end
  return known[id] or nil
end

-- Rows from `next` on that are still in the state `rest`: all but those that were cancelled one by one (cancel.lua).
local function resting(info) return info.total - info.next - info.cancelled_ahead end

-- Whether the announcement of a row was paused or cancelled, so that no call of it may start.
local function is_stopped(record)
  local info = not record.event and announcement(record.lane)
  return info and info.state ~= 'running'
end

-- JSON of ours, or nil if it is damaged.
local function decoded(text)
  local ok, value = pcall(cjson.decode, text or '')
  return ok and type(value) == 'table' and value or nil
end

-- A progress that the verbs can work with, or nil.
local function decoded_progress(text)
  local progress = decoded(text)
  if not progress or not ALLOWED[progress.state] or type(progress.at) ~= 'number' then return nil end
  if progress.state == 'sending' and not (type(progress.claimed_at) == 'number' and progress.token) then return nil end
  for _, list in ipairs({progress.attempts or {}, progress.acts or {}}) do
    if type(list) ~= 'table' or #list > 0 and type(list[#list]) ~= 'table' then return nil end
  end
  return progress
end

local set_aside_damaged

local function open_event(record, with_input)
  local got = redis.call('HMGET', record.key, 'progress', 'expires_at', 'on_unknown', 'created_at', 'callback',
    'caller', with_input and 'input' or 'on_unknown')
  if not got[1] and redis.call('EXISTS', record.key) == 0 then return nil end
  record.progress = decoded_progress(got[1])
  record.expires_at = tonumber(got[2] or 0) or 0
  record.on_unknown = got[3] or 'hold'
  record.accepted_at = tonumber(got[4] or now) or now
  record.callback, record.caller = got[5], got[6]
  record.content = with_input and got[7]
  return record.progress and record or set_aside_damaged(record)
end

local function open_row(record, with_input)
  local lane = announcement(record.lane)
  if not lane or tonumber(record.input) >= lane.total then return nil end
  local got = redis.call('HMGET', record.key, record.progress_field, with_input and record.input or record.progress_field)
  local unwritten = tonumber(record.input) < lane.next and 'queued' or lane.rest
  record.progress = not got[1] and {state = unwritten, at = now} or decoded_progress(got[1])
  record.expires_at = lane.expires_at
  record.accepted_at = lane.started_at
  record.on_unknown = lane.on_unknown
  record.content = with_input and got[2]
  return record.progress and record or set_aside_damaged(record)
end

-- The record with its progress, its expiry (ms, 0 = never) and its policy for maybe-sent; nil when there is none. One that
-- was damaged has `damaged`, and is unknown now, or at rest.
local function open_record(id, with_input)
  local record = place(id)
  return (record.event and open_event or open_row)(record, with_input)
end

local function is_expired(record) return record.expires_at > 0 and record.expires_at <= now end

-- Counts are gathered while a verb runs and written once a lane by flush().
local counted = {}
local function count(lane, state, by)
  counted[lane] = counted[lane] or {}
  counted[lane][state] = (counted[lane][state] or 0) + by
end

--: An announcement's rate is sampled this often, ms, and each sample counts this much beside those before it.
local SAMPLE, NEWEST = 5000, 0.3

-- A sample reaches from one end of a notification to another, so that it holds whole intervals; the first one after a
-- pause, a night or a retry has no beginning, and only marks one.
local function note_rate(lane, ended)
  local got = redis.call('HMGET', key('lane', lane), 'rate_at', 'rate_ended', 'rate')
  local at, before, rate = tonumber(got[1] or 0), tonumber(got[2] or 0), tonumber(got[3] or 0)
  if at > now then at = 0 end -- by a clock that was set back since
  if ended == before or (ended > before and now - at < SAMPLE) then return end
  if ended > before and at > 0 then
    local sample = (ended - before) * 1000 / (now - at)
    rate = rate > 0 and rate + NEWEST * (sample - rate) or sample
  end
  redis.call('HSET', key('lane', lane), 'rate_at', now, 'rate_ended', ended, 'rate', string.format('%.6f', rate))
end

-- Before an announcement goes on: the time in which it could not send says nothing about its rate.
local function forget_sample(lane) redis.call('HDEL', key('lane', lane), 'rate_at') end

--: Callbacks are posted for up to 24 hours, and tell of a record that must still be there then, ms.
local CALLBACKS_FOR = 90000000
--: As in ledger/callbacks.py. Put off the score of what was never posted, which so stands first, ms.
local NEVER_POSTED = 10000000000000
--: Kept for one key at one desk; of more, the one that would be posted last is dropped. A desk of 100 a minute comes to
--: it when its receiver has been silent for 16 hours.
local MOST_CALLBACKS = 100000

-- What became of it is posted to its callback URL by a worker (worker/callbacks.py). That is owed from the same step on
-- that makes it true, so that no crash can come between. `snapshot`: how it stands now, since it may be retried before
-- the post. Each key has a queue of its own at each desk; in it what was never posted stands before what is posted again.
local function owe_callback(id, state, url, caller, snapshot)
  local name, owner = table.concat({id, state, string.format('%d', now)}, '_'), (caller or '') .. '@' .. DESK
  local owed, queue = key('callback', name), key('callbacks', 'of', owner)
  redis.call('HSET', owed, 'id', id, 'state', state, 'at', now, 'url', url, 'snapshot', cjson.encode(snapshot))
  redis.call('PEXPIRE', owed, CALLBACKS_FOR)
  redis.call('ZADD', queue, now - NEVER_POSTED, name)
  redis.call('ZADD', key('callbacks', 'owners'), 'LT', now, owner)
  if redis.call('ZCARD', queue) > MOST_CALLBACKS then
    redis.call('DEL', key('callback', redis.call('ZPOPMAX', queue)[1]))
    redis.call('INCR', key('callbacks', 'dropped'))
  end
end

local COUNTED = {'scheduled', 'queued', 'sending', 'deferred', 'unknown', 'delivered', 'failed', 'expired', 'cancelled',
  'rerouted'}

local function owe_end_of(info)
  local got = redis.call('HMGET', key('lane', info.id), unpack(COUNTED))
  local counts = {}
  for index, name in ipairs(COUNTED) do counts[name] = tonumber(got[index]) or 0 end
  owe_callback(info.id, info.state, info.callback, info.caller, counts)
end

local function keep_announcement(lane, for_ms)
  for _, name in ipairs({key('lane', lane), key('rows', lane), key('lane', lane, 'failed'), key('lane', lane, 'hours')}) do
    if for_ms then redis.call('PEXPIRE', name, for_ms) else redis.call('PERSIST', name) end
  end
end

-- Gives an announcement that runs its turns. It joins one turn behind the first, so that it neither catches up on what it
-- missed nor gains by leaving and joining, as it does whenever its only row comes back.
local function join_turns(lane)
  local info = announcement(lane)
  if not info or info.state ~= 'running' or info.opens_at > now then return end
  local first = redis.call('ZRANGE', TURNS, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', TURNS, 'NX', first and first + 1 / info.weight or 0, lane)
end

-- What is left in the lane's list then was cancelled row by row.
local function leave_turns(lane)
  redis.call('ZREM', TURNS, lane)
  redis.call('DEL', key('lane', lane, 'ids'))
end

-- An announcement is finished when no row is left to send, and runs again when one is taken back. Unknown rows rest, and
-- keep it on record.
local function settle(lane)
  local info, left = announcement(lane), 0
  local counts = redis.call('HMGET', key('lane', lane), 'unknown', 'scheduled', 'queued', 'sending', 'deferred')
  for index = 2, #counts do left = left + (tonumber(counts[index]) or 0) end
  note_rate(lane, info.total - left)
  local to = left == 0 and 'finished' or 'running'
  if left == 0 and (info.state == 'running' or info.state == 'paused') or left > 0 and info.state == 'finished' then
    redis.call('HSET', key('lane', lane), 'state', to, 'finished_at', now)
    info.state = to
    keep_announcement(lane)
    -- Joining has to wait until here: who is finished does not get a turn.
    if left == 0 then leave_turns(lane) else join_turns(lane) end
    if left == 0 and info.callback then owe_end_of(info) end
  end
  -- The last rows of a cancelled one may still be on their way: its end is told when they have come to rest.
  if left == 0 and info.callback and info.state == 'cancelled'
    and redis.call('HSETNX', key('lane', lane), 'told', now) == 1 then owe_end_of(info) end
  if left == 0 and (tonumber(counts[1]) or 0) == 0 then
    keep_announcement(lane, info.callback and math.max(info.results_for, CALLBACKS_FOR) or info.results_for)
  end
end

-- Leases and calls by outcome too are gathered, and written together.
local leased, unleased, called = {}, {}, {}
local function lease(id, ends)
  table.insert(leased, ends)
  table.insert(leased, id)
end
local function end_lease(id) table.insert(unleased, id) end

--: Arguments to one command: Lua's unpack breaks off at some thousands.
local AT_ONCE = 500
local function in_portions(command, name, arguments)
  for first = 1, #arguments, AT_ONCE do
    redis.call(command, name, unpack(arguments, first, math.min(first + AT_ONCE - 1, #arguments)))
  end
end

--: As in ledger/tally.py: how long a minute of the tally is kept, seconds.
local MINUTE_KEPT = 3900

-- Whatever else the metrics count is counted by the process that does it. What expires, nobody has in hand but a verb.
local function tally_expired(number)
  if number <= 0 then return end
  local minute = key('desk', DESK, 'tally', string.format('%d', math.floor(now / 60000)))
  redis.call('HINCRBY', TALLY, 'ended expired', number)
  redis.call('HINCRBY', minute, 'expired', number)
  redis.call('EXPIRE', minute, MINUTE_KEPT)
end

local function flush()
  in_portions('ZADD', LEASES, leased)
  in_portions('ZREM', LEASES, unleased)
  leased, unleased = {}, {}
  for outcome, by in pairs(called) do redis.call('HINCRBY', CALLS, outcome, by) end
  called = {}
  local expired = 0
  for lane, states in pairs(counted) do
    expired = expired + (states.expired or 0)
    for state, by in pairs(states) do
      if by ~= 0 then redis.call('HINCRBY', key('lane', lane), state, by) end
    end
    if lane ~= EVENT_LANE then settle(lane) end
  end
  tally_expired(expired)
  counted = {}
end

-- Failed and unknown notifications are what people ask for by state: the events of all desks together, an announcement's
-- rows on their own.
local function index_of(record, state)
  return record.event and key(state) or key('lane', record.lane, state)
end

local function may(record, to) return ALLOWED[record.progress.state][to] == true end

-- What belongs to a notification in motion and leaves the record when it comes to rest.
local MOVING = {'token', 'due', 'claimed_at', 'slot', 'renewal'}

-- The one way in which a state changes. The caller has checked may(record, to), and writes with save().
local function move(record, to)
  local from = record.progress.state
  count(record.lane, from, -1)
  count(record.lane, to, 1)
  if INDEXED[from] then redis.call('ZREM', index_of(record, from), record.id) end
  if INDEXED[to] then redis.call('ZADD', index_of(record, to), now, record.id) end
  for _, field in ipairs(MOVING) do record.progress[field] = nil end
  if to ~= 'deferred' then record.progress.held, record.progress.awaits = nil, nil end
  if to == 'delivered' and record.progress.via then count(record.lane, 'rerouted', 1) end
  record.progress.state = to
  record.progress.at = now
  record.revived = FINAL[from] and not FINAL[to]
  record.moved = true
end

-- results_for_ms: how long an event stays on record once it is final.
local function save(record, results_for_ms)
  redis.call('HSET', record.key, record.progress_field, cjson.encode(record.progress))
  if not record.event then return end
  local state = record.progress.state
  if FINAL[state] then
    redis.call('PEXPIRE', record.key, record.callback and math.max(results_for_ms, CALLBACKS_FOR) or results_for_ms)
  elseif record.revived then
    redis.call('PERSIST', record.key)
  end
  if record.callback and record.moved and (FINAL[state] or state == 'unknown') then
    owe_callback(record.id, state, record.callback, record.caller, record.progress)
  end
end

-- The state that a record with a damaged progress was counted in, as far as can be told by what else is kept of it.
local function state_by_indexes(record)
  for state in pairs(INDEXED) do
    if redis.call('ZSCORE', index_of(record, state), record.id) then return state end
  end
  local function some(state) return tonumber(redis.call('HGET', key('lane', record.lane), state) or 0) > 0 end
  if redis.call('ZSCORE', LEASES, record.id) then return some('sending') and 'sending' or 'queued' end
  if redis.call('ZSCORE', key('lane', record.lane, 'due'), record.id) then return some('deferred') and 'deferred' or 'scheduled' end
  if record.event and redis.call('PTTL', record.key) > 0 then return 'delivered' end
  return 'queued'
end

-- Whether it was sent cannot be told any more: so it rests as unknown, and a person settles it. That keeps it from
-- stopping the others. One at rest already stays as it is.
function set_aside_damaged(record)
  local state = state_by_indexes(record)
  record.damaged, record.progress = true, {state = state, at = now}
  redis.call('ZADD', DAMAGED, now, record.id)
  if FINAL[state] or state == 'unknown' then return record end
  redis.call('ZREM', LEASES, record.id)
  redis.call('ZREM', key('lane', record.lane, 'due'), record.id)
  move(record, 'unknown')
  record.progress.attempts = {{now, cjson.null, 'unknown', cjson.null, cjson.null, cjson.null, cjson.null, cjson.null,
    'its record was damaged: whether it was sent is not known'}}
  save(record)
  return record
end

local function append(record, list, item)
  record.progress[list] = record.progress[list] or {}
  table.insert(record.progress[list], item)
end

-- A verb that is replayed after a lost answer brings the same attempt again: its time tells.
local function append_attempt(record, attempt)
  local attempts = record.progress.attempts
  if attempts and #attempts > 0 and attempts[#attempts][1] == attempt[1] then return end
  append(record, 'attempts', attempt)
  -- Without a `via` it is on record, but was no call of the API that has the quota.
  if attempt[2] and attempt[2] ~= cjson.null then called[attempt[3]] = (called[attempt[3]] or 0) + 1 end
end

local function overlay(record, fields)
  for name, value in pairs(fields) do record.progress[name] = value end
end

-- WAITAOF waits for what its own connection has written. A verb whose answer rests on what was written before, by another
-- connection and maybe not fsynced yet, writes after it: this changes nothing, and goes when the server is full, too.
local function write_again(name)
  local left = redis.call('PTTL', name)
  redis.call('PEXPIRE', name, left == -1 and 60000 or math.max(left, 1))
  if left == -1 then redis.call('PERSIST', name) end
end

-- Has the pacer look at the desk at `at` ms or earlier; at once when that is now.
local function look_at(at)
  local planned = redis.call('ZSCORE', DESKS, DESK)
  if not planned or tonumber(planned) > at then redis.call('ZADD', DESKS, at, DESK) end
  if at <= now then redis.call('PUBLISH', WAKE, DESK) end
end

local function is_given_up(record)
  local info = not record.event and announcement(record.lane)
  return info and info.state == 'cancelled'
end

-- A row that would wait again, of an announcement that was cancelled meanwhile, is cancelled too.
local function given_up(record)
  if not is_given_up(record) then return false end
  move(record, 'cancelled')
  save(record)
  return true
end

local function push(command, record)
  if given_up(record) then return end
  redis.call(command, key('lane', record.lane, 'ids'), record.id)
  if not record.event then join_turns(record.lane) end
end

local function enqueue(record) push('RPUSH', record) end

-- For records whose turn had come already: in front of their lanes, in the order in which they are given.
local function put_in_front(records)
  for index = #records, 1, -1 do
    push('LPUSH', records[index])
  end
  if #records > 0 then look_at(now) end
end

local function wait_until(record, due)
  if given_up(record) then return end
  if record.expires_at > 0 and record.expires_at < due then due = record.expires_at end
  record.progress.due = due
  redis.call('ZADD', key('lane', record.lane, 'due'), due, record.id)
  redis.call('ZADD', DUE, 'LT', due, record.lane)
  look_at(due)
end

local function current_hold()
  local text = redis.call('HGET', HOLDS, 'hold')
  local hold = text and decoded(text)
  return hold and hold.kind and type(hold['until']) == 'number' and hold or nil
end

-- Limits are read from ARGV[first]: their number, then calls and window_ms of each. The window already
-- contains the slack by which a call may start after its slot. Returns the limits and the next index.
local function read_limits(first)
  local limits, index = {}, first + 1
  local number = tonumber(ARGV[first])
  local share = number > 0 and tonumber(redis.call('GET', SHARE) or 1)
  for _ = 1, number do
    local calls = math.max(1, math.floor(tonumber(ARGV[index]) * share))
    table.insert(limits, {calls = calls, window = tonumber(ARGV[index + 1])})
    index = index + 2
  end
  return limits, index
end

-- The earliest ms, not before `from`, at which one more call keeps every limit.
local function slot_from(from, limits)
  local at = from
  for _, limit in ipairs(limits) do
    local oldest = redis.call('LINDEX', SLOTS, limit.calls - 1)
    if oldest then at = math.max(at, oldest + limit.window) end
  end
  return at
end

-- Whether one more call at `at` keeps every limit, also with the slots that are reserved for later. (slot_from looks at
-- the latest slots alone: it would put the call behind all of those.)
local function is_free(limits, at)
  local later = 0
  while (tonumber(redis.call('LINDEX', SLOTS, later) or 0)) > at do later = later + 1 end
  for _, limit in ipairs(limits) do
    for index = 0, later do
      local ends = index == later and at or tonumber(redis.call('LINDEX', SLOTS, index))
      local oldest = redis.call('LINDEX', SLOTS, index + limit.calls - 1)
      if ends - at < limit.window and oldest and oldest + limit.window > ends then return false end
    end
  end
  return true
end

-- In order of time, not of granting: after give-backs a slot may be free before one that is reserved already.
local function insert_slot(at)
  local index = 0
  local other = redis.call('LINDEX', SLOTS, index)
  while other and tonumber(other) > at do
    index = index + 1
    other = redis.call('LINDEX', SLOTS, index)
  end
  if other then redis.call('LINSERT', SLOTS, 'BEFORE', other, at) else redis.call('RPUSH', SLOTS, at) end
end

-- Announcements are paced evenly, so that a slot is always near: not before this, ms. Every call counts, also those of
-- events. Half a slot that was missed is made up for, so that the pacer's own delays do not add up; not one that could not
-- be had, and none after an idle time: that would leave a hole of one slot and a half in each window from then on.
local function pace(limits, at)
  local gap = 0
  for _, limit in ipairs(limits) do gap = math.max(gap, limit.window / limit.calls) end
  local paced = tonumber(redis.call('HGET', HOLDS, 'pace_at') or 0)
  local from = at - paced > gap and at or math.max(slot_from(paced, limits), at - gap / 2)
  redis.call('HSET', HOLDS, 'pace_at', string.format('%.3f', from + gap))
end

local function longest_window(limits)
  local longest = 0
  for _, limit in ipairs(limits) do longest = math.max(longest, limit.window) end
  return longest
end

-- Slots are forgotten by age and not by number: a reserved one may be given back before its time, and the oldest
-- one that it would have pushed out still counts then. The list as such does not expire: that would be by a clock that may
-- be set forward.
local function move_into_slot(limits, at)
  if #limits == 0 then return end
  insert_slot(at)
  while redis.call('LINDEX', SLOTS, -1) + longest_window(limits) <= now do redis.call('RPOP', SLOTS) end
  redis.call('PERSIST', SLOTS)
end

-- For one call more. Whoever has given its slot back for another one moves: it was counted in the pace already.
local function take_slot(limits, at)
  if #limits > 0 then pace(limits, at) end
  move_into_slot(limits, at)
end

--: No slot is reserved farther ahead than this, ms.
local FARTHEST_SLOT = 10000

-- Slots farther in the future than any that is granted were made by a clock that was set back since: they count as made
-- now, or the desk would stand still for as long. A pacer that saw the step has moved them (step.lua); this is for when
-- none was there.
local function forget_clock_set_back(limits)
  local latest = tonumber(redis.call('LINDEX', SLOTS, 0) or 0)
  local most = now + math.max(FARTHEST_SLOT, longest_window(limits))
  if #limits == 0 or latest <= most then return end
  for index, at in ipairs(redis.call('LRANGE', SLOTS, 0, -1)) do
    if tonumber(at) <= most then break end
    redis.call('LSET', SLOTS, index - 1, now)
  end
  redis.call('HDEL', HOLDS, 'pace_at')
end

-- For a slot in which no call was made.
local function give_back_slot(at) redis.call('LREM', SLOTS, 1, at) end

-- The slot of a holder, once: after a lost answer it may be given back again, and by then another notification's
-- slot of the same ms would go.
local function give_back_held_slot(record, at)
  if not at or record.progress.slot ~= at then return end
  record.progress.slot = nil
  give_back_slot(at)
end
