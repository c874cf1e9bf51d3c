-- Records of notifications: read, moved from state to state, counted, written, and put where they wait.

-- Where a notification's record is: an event has a hash of its own, an announcement's row two fields of one hash. A row
-- has one name: `-007` is not `-7`, or it would be counted twice.
local function place(id)
  local stem, row = string.match(id, '^n_(%w+)%-(%d+)$')
  if row and (row == '0' or string.sub(row, 1, 1) ~= '0') then
    return {id = id, key = key('rows', 'a_' .. stem), input = row, progress_field = row .. '+', lane = 'a_' .. stem}
  end
  return {id = id, key = key('n', id), input = 'input', progress_field = 'progress', lane = EVENT_LANE, event = true}
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

local set_aside_damaged, after_save_of_message

local function open_event(record, with_input)
  local got = redis.call('HMGET', record.key, 'progress', 'expires_at', 'on_unknown', 'created_at', 'callback',
    'caller', 'unresolved', 'gathers', with_input and 'input' or 'on_unknown')
  if not got[1] and redis.call('EXISTS', record.key) == 0 then return nil end
  record.progress = decoded_progress(got[1])
  record.expires_at = tonumber(got[2] or 0) or 0
  record.on_unknown = got[3] or 'hold'
  record.accepted_at = tonumber(got[4] or now) or now
  record.callback, record.caller = got[5], got[6]
  record.contact = got[7] -- of an event without a receiver yet: `DIGEST email:…` or `DIGEST mobile:…`
  record.gathers = got[8] -- of a message that events join: throttle or digest
  record.content = with_input and got[9]
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

-- Each process counts for the metrics what it does itself. What expires, joins, or has no receiver is ended by verbs alone.
local function tally_ended(state, number)
  if number <= 0 then return end
  local minute = key('desk', DESK, 'tally', string.format('%d', math.floor(now / 60000)))
  redis.call('HINCRBY', TALLY, 'ended ' .. state, number)
  redis.call('HINCRBY', minute, state, number)
  redis.call('EXPIRE', minute, MINUTE_KEPT)
end

local function flush()
  in_portions('ZADD', LEASES, leased)
  in_portions('ZREM', LEASES, unleased)
  leased, unleased = {}, {}
  for outcome, by in pairs(called) do redis.call('HINCRBY', CALLS, outcome, by) end
  called = {}
  local expired, joined = 0, 0
  for lane, states in pairs(counted) do
    expired, joined = expired + (states.expired or 0), joined + (states.joined or 0)
    for state, by in pairs(states) do
      if by ~= 0 then redis.call('HINCRBY', key('lane', lane), state, by) end
    end
    if lane ~= EVENT_LANE then settle(lane, states) end
  end
  tally_ended('expired', expired)
  tally_ended('joined', joined)
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

-- Rows that failed before the last resume do not count for `stop_at`: one that leaves `failed` is taken off their number.
local function forget_old_failure(record)
  local info = not record.event and announcement(record.lane)
  if info and info.resumed_at and record.progress.at < info.resumed_at then count(record.lane, 'failed_before', -1) end
end

-- The one way in which a state changes. The caller has checked may(record, to), and writes with save().
local function move(record, to)
  local from = record.progress.state
  if from == 'failed' then forget_old_failure(record) end
  count(record.lane, from, -1)
  count(record.lane, to, 1)
  if INDEXED[from] then redis.call('ZREM', index_of(record, from), record.id) end
  if INDEXED[to] then redis.call('ZADD', index_of(record, to), now, record.id) end
  for _, field in ipairs(MOVING) do record.progress[field] = nil end
  if from == 'failed' then record.progress.error = nil end
  if from == 'scheduled' and record.gathers then record.progress.closed = now end
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
  if record.gathers then after_save_of_message(record, results_for_ms) end
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
  record.damaged, record.progress = true, {state = state, at = now, gathers = record.gathers}
  redis.call('ZADD', DAMAGED, now, record.id)
  if FINAL[state] or state == 'unknown' then return record end
  redis.call('ZREM', LEASES, record.id)
  redis.call('ZREM', key('lane', record.lane, 'due'), record.id)
  leave_unresolved(record.id)
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

-- Has the pacer look at the desk at `at` ms or earlier.
local function look_at(at) plan_look(DESKS, WAKE, at) end

-- A row that would wait again, of an announcement that was cancelled meanwhile, is cancelled too.
local function given_up(record)
  if not is_given_up(record) then return false end
  move(record, 'cancelled')
  save(record)
  return true
end

-- Without a receiver it cannot be sent, even if a process of an older version puts it here: it waits to be asked about.
local function push(command, record)
  if given_up(record) then return end
  if record.contact then return join_unresolved(record.id, now, record.expires_at) end
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

-- What people do to notifications, whose ids stand in ARGV from `first` on: act(record) does it, or returns false where
-- that is not allowed. Returns by twos: 1 or 0 (not allowed), the state now; state '' when there is no such record.
local function act_on_each(first, act)
  local results = {}
  for index = first, #ARGV do
    local record = open_record(ARGV[index])
    table.insert(results, record and act(record) and 1 or 0)
    table.insert(results, record and record.progress.state or '')
  end
  flush()
  return results
end
