-- claim(desk, token, lease_ms, released_lease_ms, late_ms, results_for_ms, id …)
--
-- Makes the caller the one holder of released notifications. A slot is for now: who comes too late, or while the
-- desk is held, does not get it, and the notification goes back to the front of its lane.
-- ARGV[2]  token              the claim's fence: only its bearer can record. Claiming again with it is a replay
-- ARGV[3]  lease_ms           how long the holder may take
-- ARGV[4]  released_lease_ms  the lease that release gave, from which the time of the slot follows
-- ARGV[5]  late_ms            oldest slot that is still good; -1 when the desk has no limits
-- ARGV[6]  results_for_ms
-- ARGV[7…] ids
-- Returns  [now_ms, 1 when the desk is held and this is the probe, receivers in the index of open tickets, id, input,
--          progress, ms since the slot, ms of its acceptance, id, …]
local token, lease_ms, released_lease_ms, late_ms, results_for_ms =
  ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local hold = current_hold()
local results, back = {now, hold and hold.kind ~= 'throttled' and 1 or 0, redis.call('ZCARD', TICKETS)}, {}

local function hand(record, age)
  for _, value in ipairs({record.id, record.content, cjson.encode(record.progress), age, record.accepted_at}) do
    table.insert(results, value)
  end
end

local function back_to_lane(record, slot)
  end_lease(record.id)
  give_back_slot(slot)
  table.insert(back, record)
end

local function claim(record, slot)
  if is_stopped(record) then return back_to_lane(record, slot) end
  if late_ms >= 0 and now - slot > late_ms then return back_to_lane(record, slot) end
  if hold and hold['until'] > now then return back_to_lane(record, slot) end
  if is_expired(record) then
    end_lease(record.id)
    give_back_slot(slot)
    move(record, 'expired')
    return save(record, results_for_ms)
  end
  move(record, 'sending')
  record.progress.token = token
  record.progress.claimed_at = now
  record.progress.slot = slot
  save(record, results_for_ms)
  lease(record.id, now + lease_ms)
  hand(record, now - slot)
end

local ids = {unpack(ARGV, 7)}
local ends = #ids > 0 and redis.call('ZMSCORE', LEASES, unpack(ids)) or {}
for index, id in ipairs(ids) do
  local record = ends[index] and open_record(id, true)
  if record and record.progress.state == 'queued' then
    claim(record, ends[index] - released_lease_ms)
  elseif record and record.progress.token == token and not record.progress.renewal then
    -- A replay. Who has renewed has had its answer, and holds another slot now, or none.
    hand(record, now - record.progress.slot)
  end
end
put_in_front(back)
flush()
return results
