-- step(desk, state, by_ms, is_guess, lease_ms)
--
-- The clock was set. Moves what counts from a moment, and not to a time of day, so that it lasts as long as it would have:
-- slots and pace, leases, the hold, the waits of what is deferred, and windows. The leading pacer calls this (worker/leader.py).
-- ARGV[2]  state        of the clock (keys.lua) when the caller looked: if another leader has looked since, this moves nothing
-- ARGV[3]  by_ms        forward is positive
-- ARGV[4]  is_guess     1: it may have been no step but a time without a leader. Then the hold and waits are left as they are:
--                       slots and leases are not, since a call too many, or a second one at once, would be worse than a delay
-- ARGV[5]  lease_ms     the longest lease, by which one from after the step is known
-- Returns  1, or 0 when that has been moved already
if ARGV[2] ~= clock_state() then return 0 end

--: A leader tries again so soon, ms, though it has given its word meanwhile.
local AGAIN = 5000

-- A caller that moves this desk for the same step again, since an answer was lost or a leader died, has looked later: what is
-- left to move is the difference. A leader of an earlier version names a step by the last word before it, and no more.
local function moved_already(followed, seen)
  local after, by, at, word = unpack(redis.call('HMGET', HOLDS, 'moved_after', 'moved_by', 'moved_at', 'step'))
  if after ~= followed then return word == seen and tonumber(ARGV[3]) or 0 end
  local since = now - at
  return (word == seen or since >= 0 and since < AGAIN) and by or 0
end

local followed, seen = followed_steps(), redis.call('HGET', CLOCK, 'seen')
local by = ARGV[3] - moved_already(followed, seen)
redis.call('HSET', HOLDS, 'moved_after', followed, 'moved_by', ARGV[3], 'moved_at', now, 'step', seen)
if by == 0 then return 0 end

--: Of a lane, so many waits are shortened at the most; those behind them last longer by as much as the clock went back.
local MOST = 20000

local slots = redis.call('LRANGE', SLOTS, 0, -1)
for index, at in ipairs(slots) do redis.call('LSET', SLOTS, index - 1, string.format('%d', at + by)) end

local paced = redis.call('HGET', HOLDS, 'pace_at')
if paced then redis.call('HSET', HOLDS, 'pace_at', string.format('%.3f', paced + by)) end

-- Its next look may have been planned by the other clock.
if redis.call('ZSCORE', DESKS, DESK) then redis.call('ZADD', DESKS, now, DESK) end

-- Whether something that ends at `ends`, and lasts for `longest` at the most, is from before the step. What has begun since
-- goes by the new clock already. If the step is shorter than that, it cannot always be told: then it lasts too long.
local function is_older(ends, longest)
  if not longest then return true end
  if by > 0 then return ends + by <= now + longest end
  return ends + by >= now or ends > now + longest
end

local leases, lease_ms = redis.call('ZRANGE', LEASES, 0, -1, 'WITHSCORES'), tonumber(ARGV[5])
for index = 1, #leases, 2 do
  local ends = tonumber(leases[index + 1])
  if is_older(ends, lease_ms) then redis.call('ZADD', LEASES, ends + by, leases[index]) end
end

redis.call('HDEL', HOLDS, 'asker', 'asked')
if redis.call('ZCARD', UNRESOLVED) > 0 then look_at_unresolved(now) end

if ARGV[4] == '1' then return 1 end

local hold = current_hold()
if hold and is_older(hold['until'], hold.interval) then
  hold['until'] = hold['until'] + by
  redis.call('HSET', HOLDS, 'hold', cjson.encode(hold))
end

local people = people_hold()
if people and is_older(people['until'], people.interval) then
  people['until'] = people['until'] + by
  redis.call('HSET', HOLDS, 'people_hold', cjson.encode(people))
end

-- Forward, a wait is merely over early. Back, it would last for longer by as much.
local function shortened(record)
  local progress = record and not record.damaged and record.progress or {}
  if not progress.due or progress.state ~= 'deferred' and not progress.lasts then return nil end
  progress.due = progress.due + by
  save(record)
  return progress.due
end

-- What waits for its receiver, and for no time, is asked about from the ms of its acceptance on.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', UNRESOLVED, '(' .. now, '+inf', 'LIMIT', 0, MOST)) do
  local record = open_record(id)
  local due = record and record.progress.state == 'queued' and now or by < 0 and shortened(record)
  if due then redis.call('ZADD', UNRESOLVED, due, id) end
end

local function shorten_waits(lane)
  local due = key('lane', lane, 'due')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, MOST)) do
    local at = shortened(open_record(id))
    if at then
      redis.call('ZADD', due, at, id)
      redis.call('ZADD', DUE, 'LT', at, lane)
    end
  end
end

if by < 0 then
  for _, lane in ipairs(redis.call('ZRANGE', DUE, 0, -1)) do shorten_waits(lane) end
end
flush()
return 1
