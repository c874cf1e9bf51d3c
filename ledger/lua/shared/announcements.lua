-- Announcements: what of one the verbs need, its rate, its turns, and its end.

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
      'opens_at', 'hours', 'timed', 'results_for', 'cancelled_ahead', 'started_at', 'callback', 'caller', 'first',
      'stop_at', 'resumed_at', 'notify')
    known[id] = got[1] and {id = id, state = got[1], next = tonumber(got[2]), total = tonumber(got[3]), rest = got[4],
      expires_at = tonumber(got[5]), on_unknown = got[6], weight = tonumber(got[7]), opens_at = tonumber(got[8]),
      hours = got[9] == '1', timed = got[10] == '1', results_for = tonumber(got[11]),
      cancelled_ahead = tonumber(got[12] or 0), started_at = tonumber(got[13]), callback = got[14], caller = got[15],
      first = got[16] and (tonumber(got[16]) or 0), stop_at = got[17] and (tonumber(got[17]) or 0), resumed_at = tonumber(got[18]),
      notify = got[19]} or false
    if known[id] and not is_whole(known[id]) then known[id] = false end
  end
  return known[id] or nil
end

-- Rows from `next` on that are still in the state `rest`: all but those that were cancelled one by one (cancel.lua).
local function resting(info) return info.total - info.next - info.cancelled_ahead end

-- Its state as people see it: one that waits for its start runs for the verbs, and its rows say that they wait.
local function told_state(info)
  return info.state == 'running' and info.rest == 'scheduled' and 'scheduled' or info.state
end

-- Whether no call of it may start: the announcement of a row was paused or cancelled, or an event has no receiver yet.
local function is_stopped(record)
  local info = not record.event and announcement(record.lane)
  return record.contact or info and info.state ~= 'running'
end

local function is_given_up(record)
  local info = not record.event and announcement(record.lane)
  return info and info.state == 'cancelled'
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

--: So many rows must have ended before their failures stop an announcement.
local ENDED_BEFORE_STOP = 20

-- Rows from this number on are not released yet: until somebody resumes it, an announcement with `first` stops there.
local function released_up_to(info) return math.min(info.first or info.total, info.total) end

-- Whether the first rows have all come to rest: whatever is left was never released.
local function first_rows_rest(info, left)
  return info.first and info.next >= info.first and not FINAL[info.rest] and left == resting(info)
end

-- Whether, of the rows that were delivered or failed since the start or since it was resumed, more failed than `stop_at`
-- allows (in hundredths of a percent). Only a row that has just ended stops it: a retry of others must not.
local function fails_too_often(info, changes)
  if not info.stop_at or (changes.failed or 0) <= 0 and (changes.delivered or 0) <= 0 then return false end
  local got = redis.call('HMGET', key('lane', info.id), 'delivered', 'failed', 'delivered_before', 'failed_before')
  local failed = tonumber(got[2] or 0) - tonumber(got[4] or 0)
  local ended = failed + tonumber(got[1] or 0) - tonumber(got[3] or 0)
  return ended >= ENDED_BEFORE_STOP and failed * 10000 > info.stop_at * ended
end

-- What was done to an announcement; further fields and their values are written with it.
local function note_act(id, by, did, ...)
  local acts = decoded(redis.call('HGET', key('lane', id), 'acts')) or {}
  table.insert(acts, {now, by, did})
  if #acts > 100 then table.remove(acts, 2) end -- the first says by whom it was announced
  redis.call('HSET', key('lane', id), 'acts', cjson.encode(acts), ...)
end

-- `changes`: the counts that have just changed, by state. Nobody asked for this pause, so no producer notes it in the audit
-- log.
local function pause_if_told(info, left, changes)
  local reason = fails_too_often(info, changes) and 'stop_at' or first_rows_rest(info, left) and 'first_n'
  if not reason then return end
  note_act(info.id, 'deskbell', 'pause at ' .. reason, 'state', 'paused', 'paused_by', reason)
  redis.call('ZREM', TURNS, info.id)
  info.state = 'paused'
  redis.call('LPUSH', key('acts'), cjson.encode({now, 'deskbell', 'pause at ' .. reason, info.id}))
  if info.notify then owe_notice(info.id, reason) end
end

-- An announcement is finished when no row is left to send, and runs again when one is taken back. Unknown rows rest, and
-- keep it on record.
local function settle(lane, changes)
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
    if left == 0 then owe_end_of(info) end
  end
  if left > 0 and info.state == 'running' then pause_if_told(info, left, changes) end
  -- The last rows of a cancelled one may still be on their way: its end is told when they have come to rest.
  if left == 0 and (info.callback or info.notify) and info.state == 'cancelled'
    and redis.call('HSETNX', key('lane', lane), 'told', now) == 1 then owe_end_of(info) end
  if left == 0 and (tonumber(counts[1]) or 0) == 0 then
    keep_announcement(lane, info.callback and math.max(info.results_for, CALLBACKS_FOR) or info.results_for)
  end
end
