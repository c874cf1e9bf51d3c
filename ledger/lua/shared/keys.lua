-- What every verb shares. `ledger.store` loads it in front of each verb, behind SCHEMA, READ_SCHEMA, and the tables ALLOWED,
-- FINAL and INDEXED, which it makes from ledger/states.py.
--
-- KEYS[1]  {prefix}   Every other key is built from it here, in one place: which lanes and records a verb
--                     touches is found out inside it. (In cluster mode a hash tag in the prefix keeps all in one slot.)
-- ARGV[1]  desk       name of the desk that the verb works for
--
-- Redis TIME is the only clock: skew between workers can neither mint a slot nor end a lease early.

local PREFIX = KEYS[1]
local DESK = ARGV[1]

local function key(...) return table.concat({PREFIX, ...}, ':') end

-- Whoever is of another version than the ledger touches nothing of it: see ledger/schema.py. The first verb says which it is.
local schema = redis.call(READ_SCHEMA, key('schema'))
if not schema then
  redis.call('SET', key('schema'), SCHEMA)
elseif schema ~= SCHEMA then
  return redis.error_reply('SCHEMA ' .. schema)
end

-- JSON of ours, or nil if it is damaged.
local function decoded(text)
  local ok, value = pcall(cjson.decode, text or '')
  return ok and type(value) == 'table' and value or nil
end

local DESKS = key('desks')                    -- zset   desk -> ms when the pacer must look at it next
local WAKE = key('wake')                      -- channel: a desk has become due at once
local EVENTS = key('events')                  -- zset   event -> ms of acceptance
local ANNOUNCEMENTS = key('announcements')    -- zset   announcement -> ms of its start
local HOLDS = key('desk', DESK)               -- hash   hold, streak, pace_at, fingerprint; settling (settling.lua); app, people_hold, asker, asked (people.lua)
local SLOTS = key('desk', DESK, 'slots')      -- list   ms of the calls granted, latest first
local TURNS = key('desk', DESK, 'turns')      -- zset   announcement with rows to release -> turns it has had, by its weight
local DUE = key('desk', DESK, 'due')          -- zset   lane -> ms when something of it becomes due
local CALLS = key('desk', DESK, 'calls')      -- hash   outcome -> calls that came to it
local TALLY = key('desk', DESK, 'tally')      -- hash   what is counted for the metrics (ledger/tally.py) -> how often
local SHARE = key('desk', DESK, 'share')      -- string share of its quota that the desk dares to use, if not all
local LEASES = key('desk', DESK, 'leases')    -- zset   released or claimed notification -> ms when the lease ends
local TICKETS = key('desk', DESK, 'tickets')  -- zset   receiver with an open ticket -> ms when it was seen
local UNRESOLVED = key('desk', DESK, 'unresolved')  -- zset  event by e-mail or mobile without a receiver yet -> ms from which it is asked about
local UNRESOLVED_ENDS = key('desk', DESK, 'unresolved', 'ends')  -- zset  those of them that expire -> ms
local UNRESOLVED_DESKS = key('unresolved')    -- zset   desk -> ms when a worker must look at its unresolved ones next
local UNRESOLVED_WAKE = key('wake', 'unresolved')  -- channel: unresolved ones of a desk have become due at once
local ENDED = key('desk', DESK, 'ended')      -- list   JSON of messages that have ended, and still owe callbacks to their joined events
local DAMAGED = key('damaged')                -- zset   record that was found damaged -> ms when
local CLOCK = key('clock')                    -- hash   seen: ms when a leading pacer last found the clock right; the steps of it
local EVENT_LANE = 'e_' .. DESK

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

--: A leading pacer vouches for the clock every 400 ms (lead.lua). After this, ms, nobody has: either none leads, or the clock was set.
local VOUCHED_FOR = 2000
--: A word from the future, ms, shows that the clock was set back since. Less may be drift.
local FROM_THE_FUTURE = 50

-- Whether slots and leases may be judged by `now`. If the clock was set forward, the window would be forgotten and every
-- lease be over; so nothing is taken or ended until a pacer has found out (worker/pacer.py).
local function is_clock_vouched()
  local since = now - tonumber(redis.call('HGET', CLOCK, 'seen') or now)
  return since >= -FROM_THE_FUTURE and since <= VOUCHED_FOR
end

-- Which steps of the clock leaders have followed: `era:sum`, the sum in ms. In another era the sum cannot be reckoned with:
-- a step was followed by a guess, or by a leader of a version that keeps no sum, so that `steps` is more than was `counted`.
local function followed_steps()
  local found = redis.call('HMGET', CLOCK, 'steps', 'counted', 'followed')
  return string.format('%d:%d', (found[1] or 0) - (found[2] or 0), found[3] or 0)
end

-- `era:sum:word`: what a leader looks at before it follows a step. If that has changed since, another one has looked.
local function clock_state() return followed_steps() .. ':' .. (redis.call('HGET', CLOCK, 'seen') or '') end

-- Plans a look at the desk at `at` ms or earlier. If that is now, it wakes the workers that wait for it.
local function plan_look(schedule, wake, at)
  local planned = redis.call('ZSCORE', schedule, DESK)
  if not planned or tonumber(planned) > at then redis.call('ZADD', schedule, at, DESK) end
  if at <= now then redis.call('PUBLISH', wake, DESK) end
end
