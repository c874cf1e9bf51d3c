-- release(desk, room, in_flight, lease_ms, results_for_ms, ahead_ms, span_ms, apart_ms, limits…)
--
-- Hands out slots: moves what is due into its lane, carries out due settlements, then releases as many notifications as
-- there are slots and room for. Events go first, in the order of their lane; then announcements in turn, by weight, evenly
-- paced.
-- ARGV[2]  room            notifications that the workers can take now
-- ARGV[3]  in_flight       the most that the desk may have released and claimed at once: a desk whose API hangs must
--                          not take all the threads
-- ARGV[4]  lease_ms        how long a released notification may stay unclaimed after its slot
-- ARGV[5]  results_for_ms
-- ARGV[6]  ahead_ms        how long it takes until the holder can call: slots are granted for no earlier time
-- ARGV[7]  span_ms         how long it takes until the pacer can look again: slots are granted up to so much later
-- ARGV[8]  apart_ms        one thread sends all that is released, and needs so long for each: each slot is by that later than
--                          the one before; else 0
-- ARGV[9…] limits          see read_limits
-- Returns  [ms until the desk needs another look (-1: nothing waits), 1 when leases have ended and wait for a sweep,
--          released and claimed ones, id, id, …]
local room, in_flight, lease_ms, results_for_ms =
  tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local soonest = now + tonumber(ARGV[6])
local latest = soonest + tonumber(ARGV[7])
local apart_ms, limits = tonumber(ARGV[8]), read_limits(9)

--: While nobody vouches for the clock, the desk is looked at again after this, ms.
local UNVOUCHED_LOOK = 100
if not is_clock_vouched() then return {UNVOUCHED_LOOK, 0, redis.call('ZCARD', LEASES)} end
forget_clock_set_back(limits)

--: Notifications that become due are moved in portions, so that one look stays short after a long outage: of so many
--: lanes, so many each.
local LANES, PORTION = 10, 100
--: While a probe is out, the desk is looked at again after this, ms.
local PROBE_LOOK = 1000
--: While all that may be in flight is, the desk is looked at again after this, ms: at once would keep the pacer spinning.
local FULL_LOOK = 5

local function earliest(zset)
  local first = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2])
end

local function row_comes_due(id)
  local record = open_record(id)
  if not record or record.damaged or not may(record, 'queued') then return end
  move(record, is_expired(record) and 'expired' or 'queued')
  save(record, results_for_ms)
  if record.progress.state == 'queued' then enqueue(record) end
end

-- Its time may have come to start, or its hours to begin. Returns when they will, if not.
local function announcement_opens(lane)
  local info = announcement(lane)
  if not info then return nil end
  if info.opens_at > now then return info.opens_at end
  if info.rest == 'scheduled' then
    count(lane, 'scheduled', -resting(info))
    count(lane, 'queued', resting(info))
    redis.call('HSET', key('lane', lane), 'rest', 'queued')
    info.rest = 'queued'
  end
  if info.opens_at > 0 then forget_sample(lane) end
  join_turns(lane)
end

-- When the first of what waits for a time becomes due; false when nothing does, nil when that may have changed.
local first_due = earliest(DUE) or false

local function come_due()
  if not first_due or first_due > now then return end
  first_due = nil
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, LANES)) do
    local due = key('lane', lane, 'due')
    local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, PORTION)
    for _, id in ipairs(ids) do
      redis.call('ZREM', due, id)
      row_comes_due(id)
    end
    local opens = lane ~= EVENT_LANE and announcement_opens(lane)
    local again = earliest(due) or opens
    if again then redis.call('ZADD', DUE, opens and math.min(again, opens) or again, lane) else redis.call('ZREM', DUE, lane) end
  end
end

-- The next id of the lane that is still to be sent. Cancelled ones were left in the list, and are dropped here; so are
-- those that expired meanwhile, a portion at a time: nil does not say that the lane is empty.
local function next_of(lane)
  for _ = 1, PORTION do
    local id = redis.call('LPOP', key('lane', lane, 'ids'))
    if not id then return nil, 'empty' end
    local record = open_record(id)
    if record and record.progress.state == 'queued' then
      if is_expired(record) then
        move(record, 'expired')
        save(record, results_for_ms)
      elseif record.contact then
        join_unresolved(id, now, record.expires_at) -- an older version put it here
      else
        return id
      end
    end
  end
end

-- How many may go now by the hold and by those in flight, and when to look again if more wait.
local flying = redis.call('ZCARD', LEASES)
local function held()
  local hold = current_hold()
  if hold and hold['until'] > now then return 0, hold['until'] end
  if hold and hold.kind ~= 'throttled' then
    -- One probe at a time. Its answer ends the hold or prolongs it (record.lua).
    return flying == 0 and math.min(room, 1) or 0, now + PROBE_LOOK
  end
  if hold then redis.call('HDEL', HOLDS, 'hold') end
  if flying >= in_flight then return 0, now + FULL_LOOK end
  return math.min(room, in_flight - flying), 0
end

local released, events_left = {}, true
local function release_one(id, slot)
  slot = slot + apart_ms * #released
  take_slot(limits, slot)
  lease(id, slot + lease_ms)
  table.insert(released, id)
end

local function next_slot() return slot_from(soonest, limits) end

local function release_events(most)
  local slot = next_slot()
  while #released < most and slot <= latest do
    local id, why = next_of(EVENT_LANE)
    events_left = why ~= 'empty'
    if not id then return end
    release_one(id, slot)
    slot = next_slot()
  end
end

-- Puts an announcement to sleep when its sending hours are over, until they begin again. Returns whether it may send.
local function within_hours(info)
  while info.hours do
    local hours = redis.call('LINDEX', key('lane', info.id, 'hours'), 0)
    if not hours then break end
    local opens, closes = string.match(hours, '^(%d+) (%d+)$')
    opens, closes = tonumber(opens), tonumber(closes)
    if opens and now < opens then
      redis.call('HSET', key('lane', info.id), 'opens_at', opens)
      redis.call('ZADD', DUE, 'LT', opens, info.id)
      first_due = nil
      return false
    end
    if closes and now < closes then return true end
    redis.call('LPOP', key('lane', info.id, 'hours'))
  end
  return true
end

local function expire_rest(info)
  count(info.id, 'queued', -resting(info))
  count(info.id, 'expired', resting(info))
  redis.call('HSET', key('lane', info.id), 'rest', 'expired')
  info.rest = 'expired'
end

-- A row with a time of its own that is not there yet waits for it outside the lane.
local function waits_for_its_time(info, id)
  local record = info.timed and open_record(id, true)
  local fields = record and decoded(record.content)
  local send_at = fields and type(fields[#fields]) == 'table' and fields[#fields].send_at_ms
  if not send_at or send_at <= now then return false end
  move(record, 'scheduled')
  wait_until(record, send_at)
  first_due = nil
  save(record, results_for_ms)
  return true
end

-- A row that was cancelled on its own before its turn came has nothing to be released.
local function was_cancelled(info, row)
  if info.cancelled_ahead == 0 or redis.call('HEXISTS', key('rows', info.id), row .. '+') == 0 then return false end
  info.cancelled_ahead = redis.call('HINCRBY', key('lane', info.id), 'cancelled_ahead', -1)
  return true
end

local function fresh_row(info)
  if info.rest ~= 'queued' or info.next >= info.total then return nil end
  if info.expires_at > 0 and info.expires_at <= now then return expire_rest(info) end
  for _ = 1, PORTION do
    if info.next >= released_up_to(info) then return nil end
    local row = string.format('%d', info.next)
    local id = 'n_' .. string.sub(info.id, 3) .. '-' .. row
    info.next = redis.call('HINCRBY', key('lane', info.id), 'next', 1)
    if not was_cancelled(info, row) and not waits_for_its_time(info, id) then return id end
  end
end

local function has_rows(info)
  return info.rest == 'queued' and info.next < released_up_to(info) and resting(info) > 0 or redis.call('LLEN', key('lane', info.id, 'ids')) > 0
end

-- Returned rows (due again, handed back, retried) and fresh ones go by a coin, so that neither starves the other. The
-- coin is the clock's: Redis seeds a script's own random numbers alike each time.
local function next_row(info)
  if time[2] % 2 == 0 then return next_of(info.id) or fresh_row(info) end
  return fresh_row(info) or next_of(info.id)
end

-- With limits there is one slot a turn. Without, a turn is a stretch of rows, so that turns cost little.
local function rows_a_turn(most)
  if #limits > 0 then return 1 end
  return math.max(1, math.ceil((most - #released) / (2 * redis.call('ZCARD', TURNS))))
end

-- The next slot of an announcement: not before its pace.
local function next_paced_slot()
  local pace_at = #limits == 0 and 0 or math.ceil(paced)
  return math.max(next_slot(), pace_at)
end

-- How many rows of it were released.
local function take_turn(info, most, slot)
  local stretch = rows_a_turn(most)
  for had = 0, stretch - 1 do
    local id = next_row(info)
    if not id then return had end
    release_one(id, slot)
  end
  return stretch
end

-- A turn may come to nothing although rows are left: those that were looked at wait for a time of their own, or are
-- cancelled or expired. It counts as a turn, and the number of such turns in one look is bounded.
local function release_rows(most)
  local idle_turns = 0
  while #released < most and idle_turns < LANES do
    local slot = next_paced_slot()
    if slot > latest then return end
    local lane = redis.call('ZRANGE', TURNS, 0, 0)[1]
    if not lane then return end
    local info = announcement(lane)
    local open = info and within_hours(info)
    local had = open and take_turn(info, most, slot) or 0
    if had > 0 or open and has_rows(info) then
      redis.call('ZINCRBY', TURNS, math.max(had, 1) / info.weight, lane)
    else
      redis.call('ZREM', TURNS, lane)
      -- So that flush() looks at it: its first rows may all have been cancelled before their turn.
      if info then count(lane, 'queued', 0) end
    end
    if had == 0 then idle_turns = idle_turns + 1 end
  end
end

come_due()
local settlement_due = carry_out_settlements(results_for_ms)
local is_untold = tell_joined()
local most, held_until = held()
release_events(most)
release_rows(most)
if #released > 0 then keep_pace(limits) end
flush()

local lease_ends = earliest(LEASES)

-- When something of the desk needs another look, ms; nil when nothing waits.
local function next_look()
  local first
  local function look_by(at) if at and (not first or at < first) then first = at end end
  if first_due == nil then first_due = earliest(DUE) end
  look_by(first_due)
  look_by(settlement_due)
  if is_untold then look_by(now) end
  look_by(lease_ends)
  local early = latest - now
  if events_left and redis.call('LLEN', key('lane', EVENT_LANE, 'ids')) > 0 then
    look_by(math.max(next_slot() - early, held_until))
  elseif redis.call('ZCARD', TURNS) > 0 then
    look_by(math.max(next_paced_slot() - early, held_until))
  end
  return first
end

local again = next_look()
if not again then
  redis.call('ZREM', DESKS, DESK)
else
  redis.call('ZADD', DESKS, again, DESK)
end
-- Not unpack(): it breaks off at some thousands of ids, which are out of their lane by then.
table.insert(released, 1, again and math.max(0, again - now) or -1)
table.insert(released, 2, lease_ends and lease_ends <= now and 1 or 0)
table.insert(released, 3, flying + #released - 2)
return released
