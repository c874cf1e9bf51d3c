-- release(desk, room, in_flight, lease_ms, results_for_ms, limits…)
--
-- Hands out slots: moves what is due into its lane, then releases as many notifications as there are slots
-- and room for. Their order: events first, in the order of their lane.
-- ARGV[2]  room            notifications that the workers can take now
-- ARGV[3]  in_flight       the most that the desk may have released and claimed at once: a desk whose API hangs must
--                          not take all the threads
-- ARGV[4]  lease_ms        how long a released notification may stay unclaimed
-- ARGV[5]  results_for_ms
-- ARGV[6…] limits          see read_limits
-- Returns  [ms until the desk needs another look (-1: nothing waits), id, id, …]
local room, in_flight, lease_ms, results_for_ms =
  tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local limits = read_limits(6)

--: Notifications that become due are moved in portions, so that one look stays short after a long outage.
local PORTION = 100
--: While a probe is out, the desk is looked at again after this, ms.
local PROBE_LOOK = 1000

local function come_due()
  local ids = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, PORTION)
  for _, id in ipairs(ids) do
    redis.call('ZREM', DUE, id)
    local record = open_record(id)
    if record and may(record, 'queued') then
      move(record, is_expired(record) and 'expired' or 'queued')
      save(record, results_for_ms)
      if record.progress.state == 'queued' then enqueue(record) end
    end
  end
end

-- The next id of the lane that is still to be sent. Cancelled ones were left in the list, and are dropped here.
local function next_of(lane)
  while true do
    local id = redis.call('LPOP', key('lane', lane, 'ids'))
    if not id then return nil end
    local record = open_record(id)
    if record and record.progress.state == 'queued' then
      if not is_expired(record) then return id end
      move(record, 'expired')
      save(record, results_for_ms)
    end
  end
end

-- How many may go now by the hold, and when to look again if none may.
local function held()
  local hold = current_hold()
  if hold and hold['until'] > now then return 0, hold['until'] end
  local flying = redis.call('ZCARD', LEASES)
  if hold and hold.kind ~= 'throttled' then
    -- One probe at a time. Its answer ends the hold or prolongs it (record.lua).
    return flying == 0 and math.min(room, 1) or 0, now + PROBE_LOOK
  end
  if hold then redis.call('HDEL', HOLDS, 'hold') end
  return math.min(room, in_flight - flying), 0
end

local function release_events(most)
  local released, slot = {}, next_slot(limits)
  while #released < most and slot <= now do
    local id = next_of(EVENT_LANE)
    if not id then break end
    take_slot(limits, now)
    table.insert(released, id)
    slot = next_slot(limits)
  end
  return released, slot
end

local function earliest(zset)
  local first = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2])
end

come_due()
local most, held_until = held()
local released, slot = release_events(most)
local leased = {}
for _, id in ipairs(released) do
  table.insert(leased, now + lease_ms)
  table.insert(leased, id)
end
if #leased > 0 then redis.call('ZADD', LEASES, unpack(leased)) end
flush()

local next_look
local function look_by(at) if at and (not next_look or at < next_look) then next_look = at end end
look_by(earliest(DUE))
look_by(earliest(LEASES))
if redis.call('LLEN', key('lane', EVENT_LANE, 'ids')) > 0 then
  -- Without room the pacer itself comes back as soon as there is some.
  look_by(math.max(slot, held_until, now + (#released < most and 1 or 0)))
end
if not next_look then
  redis.call('ZREM', DESKS, DESK)
  return {-1, unpack(released)}
end
redis.call('ZADD', DESKS, next_look, DESK)
return {math.max(0, next_look - now), unpack(released)}
