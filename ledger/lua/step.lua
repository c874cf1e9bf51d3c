-- step(desk, name, by_ms, slots_alone)
--
-- The clock was set. Moves what counts from a moment, and not to a time of day, so that it lasts as long as it would have:
-- slots and pace, leases, the hold, and the waits of what is deferred. The leading pacer calls this (worker/pacer.py).
-- ARGV[2]  name         of this step: who brings it again has not got the answer
-- ARGV[3]  by_ms        forward is positive
-- ARGV[4]  slots_alone  1: nothing but slots and pace
-- Returns  1, or 0 for a repetition
local name, by = ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', HOLDS, 'step') == name then return 0 end
redis.call('HSET', HOLDS, 'step', name)

--: Of a lane, so many waits are shortened at the most; those behind them last longer by as much as the clock went back.
local MOST = 20000

local slots = redis.call('LRANGE', SLOTS, 0, -1)
for index, at in ipairs(slots) do redis.call('LSET', SLOTS, index - 1, string.format('%d', at + by)) end

local paced = redis.call('HGET', HOLDS, 'pace_at')
if paced then redis.call('HSET', HOLDS, 'pace_at', string.format('%.3f', paced + by)) end

if ARGV[4] == '1' then return 1 end

local leases = redis.call('ZRANGE', LEASES, 0, -1, 'WITHSCORES')
for index = 1, #leases, 2 do redis.call('ZADD', LEASES, leases[index + 1] + by, leases[index]) end

local hold = current_hold()
if hold then
  hold['until'] = hold['until'] + by
  redis.call('HSET', HOLDS, 'hold', cjson.encode(hold))
end

-- Forward, a wait is merely over early. Back, it would last for longer by as much.
local function shorten_waits(lane)
  local due = key('lane', lane, 'due')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, MOST)) do
    local record = open_record(id)
    if record and record.progress.state == 'deferred' and record.progress.due then
      record.progress.due = record.progress.due + by
      redis.call('ZADD', due, record.progress.due, id)
      redis.call('ZADD', DUE, 'LT', record.progress.due, lane)
      save(record)
    end
  end
end

if by < 0 then
  for _, lane in ipairs(redis.call('ZRANGE', DUE, 0, -1)) do shorten_waits(lane) end
end
flush()
if redis.call('ZSCORE', DESKS, DESK) then redis.call('ZADD', DESKS, now, DESK) end
return 1
