-- What every verb shares. `ledger.scripts` loads it in front of each verb, behind the tables ALLOWED,
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

local DESKS = key('desks')                    -- zset   desk -> ms when the pacer must look at it next
local WAKE = key('wake')                      -- channel: a desk has become due at once
local EVENTS = key('events')                  -- zset   event -> ms of acceptance
local HOLDS = key('desk', DESK)               -- hash   hold, streak, pace_at, fingerprint
local SLOTS = key('desk', DESK, 'slots')      -- list   ms of the calls granted, newest first
local DUE = key('desk', DESK, 'due')          -- zset   scheduled or deferred notification -> ms when due
local LEASES = key('desk', DESK, 'leases')    -- zset   released or claimed notification -> ms when the lease ends
local EVENT_LANE = 'e_' .. DESK

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Where a notification's record is: an event has a hash of its own, an announcement's row two fields of one hash.
local function place(id)
  local stem, row = string.match(id, '^n_(%w+)%-(%d+)$')
  if row then
    return {id = id, key = key('rows', 'a_' .. stem), input = row, progress_field = row .. '+', lane = 'a_' .. stem}
  end
  return {id = id, key = key('n', id), input = 'input', progress_field = 'progress', lane = EVENT_LANE, event = true}
end

-- The record with its progress, its expiry (ms, 0 = never) and its policy for maybe-sent; nil when there is none.
local function open_record(id, with_input)
  local record = place(id)
  local got = redis.call('HMGET', record.key, record.progress_field, 'expires_at', 'on_unknown',
    with_input and record.input or 'on_unknown')
  if not got[1] then return nil end
  record.progress = cjson.decode(got[1])
  record.expires_at = tonumber(got[2]) or 0
  record.on_unknown = got[3]
  record.content = with_input and got[4]
  return record
end

local function is_expired(record) return record.expires_at > 0 and record.expires_at <= now end

-- Counts are gathered while a verb runs and written once a lane by flush().
local counted = {}
local function count(lane, state, by)
  counted[lane] = counted[lane] or {}
  counted[lane][state] = (counted[lane][state] or 0) + by
end

local function flush()
  for lane, states in pairs(counted) do
    for state, by in pairs(states) do
      if by ~= 0 then redis.call('HINCRBY', key('lane', lane), state, by) end
    end
  end
  counted = {}
end

local function may(record, to) return ALLOWED[record.progress.state][to] == true end

-- What belongs to a notification in motion and leaves the record when it comes to rest.
local MOVING = {'token', 'due', 'claimed_at'}

-- The one way in which a state changes. The caller has checked may(record, to), and writes with save().
local function move(record, to)
  local from = record.progress.state
  count(record.lane, from, -1)
  count(record.lane, to, 1)
  if INDEXED[from] then redis.call('ZREM', key(from), record.id) end
  if INDEXED[to] then redis.call('ZADD', key(to), now, record.id) end
  for _, field in ipairs(MOVING) do record.progress[field] = nil end
  record.progress.state = to
  record.progress.at = now
  record.revived = FINAL[from] and not FINAL[to]
end

-- results_for_ms: how long an event stays on record once it is final.
local function save(record, results_for_ms)
  redis.call('HSET', record.key, record.progress_field, cjson.encode(record.progress))
  if not record.event then return end
  if FINAL[record.progress.state] then
    redis.call('PEXPIRE', record.key, results_for_ms)
  elseif record.revived then
    redis.call('PERSIST', record.key)
  end
end

local function append(record, list, item)
  record.progress[list] = record.progress[list] or {}
  table.insert(record.progress[list], item)
end

-- A verb that is replayed after a lost answer brings the same attempt again: its time tells.
local function append_attempt(record, attempt)
  local attempts = record.progress.attempts
  if attempts and attempts[#attempts][1] == attempt[1] then return end
  append(record, 'attempts', attempt)
end

local function overlay(record, fields)
  for name, value in pairs(fields) do record.progress[name] = value end
end

-- Has the pacer look at the desk at `at` ms or earlier; at once when that is now.
local function look_at(at)
  local planned = redis.call('ZSCORE', DESKS, DESK)
  if not planned or tonumber(planned) > at then redis.call('ZADD', DESKS, at, DESK) end
  if at <= now then redis.call('PUBLISH', WAKE, DESK) end
end

-- Puts an id at the end of its lane, or in front when its turn had come already.
local function enqueue(record, in_front)
  redis.call(in_front and 'LPUSH' or 'RPUSH', key('lane', record.lane, 'ids'), record.id)
end

local function wait_until(record, due)
  if record.expires_at > 0 and record.expires_at < due then due = record.expires_at end
  record.progress.due = due
  redis.call('ZADD', DUE, due, record.id)
  look_at(due)
end

local function current_hold()
  local text = redis.call('HGET', HOLDS, 'hold')
  return text and cjson.decode(text) or nil
end

-- Limits are read from ARGV[first]: their number, then calls and window_ms of each. The window already
-- contains the slack by which a call may start after its slot. Returns the limits and the next index.
local function read_limits(first)
  local limits, index = {}, first + 1
  for _ = 1, tonumber(ARGV[first]) do
    table.insert(limits, {calls = tonumber(ARGV[index]), window = tonumber(ARGV[index + 1])})
    index = index + 2
  end
  return limits, index
end

-- The earliest ms, now or later, at which one more call keeps every limit.
local function next_slot(limits)
  local at = now
  for _, limit in ipairs(limits) do
    local oldest = redis.call('LINDEX', SLOTS, limit.calls - 1)
    if oldest then at = math.max(at, oldest + limit.window) end
  end
  return at
end

local function take_slot(limits, at)
  if #limits == 0 then return end
  local most, longest = 0, 0
  for _, limit in ipairs(limits) do
    most, longest = math.max(most, limit.calls), math.max(longest, limit.window)
  end
  redis.call('LPUSH', SLOTS, at)
  redis.call('LTRIM', SLOTS, 0, most - 1)
  redis.call('PEXPIRE', SLOTS, longest + 60000)
end

-- For a slot in which no call was made.
local function give_back_slot(at) redis.call('LREM', SLOTS, 1, at) end
