-- claim(desk, token, lease_ms, released_lease_ms, late_ms, results_for_ms, reply_ms, ahead_ms, apart_ms, limits…, id …)
--
-- Makes the caller the one holder of released notifications. A slot is for now: one that comes too late is given back, and
-- another taken if one is free at once. If none is, or while the desk is held, the notification goes back to the front of
-- its lane.
-- ARGV[2]  token              the claim's fence: only its bearer can record. Claiming again with it is a replay
-- ARGV[3]  lease_ms           how long the holder may take
-- ARGV[4]  released_lease_ms  the lease that release gave, from which the time of the slot follows
-- ARGV[5]  late_ms            how long after its slot a call may start
-- ARGV[6]  results_for_ms
-- ARGV[7]  reply_ms           how long this answer is on its way
-- ARGV[8]  ahead_ms           a slot that is taken here is for no earlier time than in so long
-- ARGV[9]  apart_ms           how long the caller needs for each, one after another
-- ARGV[10…] limits            see read_limits; then ids
-- Returns  [now_ms, 1 when the desk is held and this is the probe, receivers in the index of open tickets, id, input,
--          progress, ms since the slot (negative: until), ms of its acceptance, id, …]
local token, lease_ms, released_lease_ms, late_ms, results_for_ms =
  ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local reply_ms, ahead_ms, apart_ms = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local has_limits, first_id = ARGV[10] ~= '0', 11 + 2 * tonumber(ARGV[10])
local hold = current_hold()
local results, back = {now, hold and hold.kind ~= 'throttled' and 1 or 0, redis.call('ZCARD', TICKETS)}, {}

-- When the next one is called for, counted from the first.
local begins = 0
local function hand(record, age)
  begins = begins + apart_ms
  for _, value in ipairs({record.id, record.content, cjson.encode(record.progress), age, record.accepted_at}) do
    table.insert(results, value)
  end
end

local function back_to_lane(record)
  end_lease(record.id)
  table.insert(back, record)
end

local vouched = has_limits and is_clock_vouched()

-- Instead of one that came too late. A row does not take it from an event that waits.
local function fresh_slot(record)
  local limits, at = vouched and read_limits(10), now + ahead_ms + begins
  if not vouched or not is_free(limits, at) then return nil end
  if not record.event and redis.call('LLEN', key('lane', EVENT_LANE, 'ids')) > 0 then return nil end
  move_into_slot(limits, at)
  return at
end

-- The slot to call in, given the one that release took. If the clock was set back since, that seems to be still to come.
local function good_slot(record, slot)
  if not has_limits or vouched and now + reply_ms + begins - slot <= late_ms then return slot end
  give_back_slot(slot)
  return fresh_slot(record)
end

local function claim(record, slot)
  if is_stopped(record) or hold and hold['until'] > now then
    give_back_slot(slot)
    return back_to_lane(record)
  end
  if is_expired(record) then
    end_lease(record.id)
    give_back_slot(slot)
    move(record, 'expired')
    return save(record, results_for_ms)
  end
  slot = good_slot(record, slot)
  if not slot then return back_to_lane(record) end
  move(record, 'sending')
  record.progress.token = token
  record.progress.claimed_at = now
  record.progress.slot = slot
  save(record, results_for_ms)
  lease(record.id, now + lease_ms)
  hand(record, now - slot)
end

local ids = {unpack(ARGV, first_id)}
local ends = #ids > 0 and redis.call('ZMSCORE', LEASES, unpack(ids)) or {}
for index, id in ipairs(ids) do
  local record = ends[index] and open_record(id, true)
  if record and record.progress.state == 'queued' then
    claim(record, ends[index] - released_lease_ms)
  elseif record and record.progress.token == token and record.progress.slot and not record.progress.renewal then
    -- A replay. Who has renewed has had its answer, and holds another slot now, or none.
    hand(record, now - record.progress.slot)
  end
end
put_in_front(back)
flush()
return results
