-- renew(desk, token, id, lease_ms, max_wait_ms, attempt, unused_slot, extra, renewal, ahead_ms, limits…)
--
-- The holder goes on with its notification (an inline retry, a reroute): notes the attempt behind it, renews the lease and
-- reserves the next slot, all at once.
-- ARGV[2]  token
-- ARGV[3]  id
-- ARGV[4]  lease_ms
-- ARGV[5]  max_wait_ms  a slot farther away than this is not worth a waiting thread
-- ARGV[6]  attempt      JSON of the attempt to append, or ''
-- ARGV[7]  unused_slot  ms of a slot in which no call was made (it took too long to get ready), or ''
-- ARGV[8]  extra        JSON object laid over the progress, or ''
-- ARGV[9]  renewal      name of this renewal: who brings it again has not got the answer, nor used the slot in it
-- ARGV[10] ahead_ms     how long this answer is on its way: the slot is for no earlier time
-- ARGV[11…] limits      see read_limits
-- Returns  [ms until the reserved slot · -1: none in time, or the desk is held, or the announcement paused or cancelled:
--          record it as queued · -2: the lease was lost, ms of the slot, now_ms]
local token, id, lease_ms, max_wait_ms, attempt =
  ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local unused_slot, extra, renewal = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local soonest = now + tonumber(ARGV[10])
local limits = read_limits(11)

local record = open_record(id)
if not record or record.progress.token ~= token then return {-2, 0, now} end
if attempt ~= '' then append_attempt(record, cjson.decode(attempt)) end
if extra ~= '' then overlay(record, cjson.decode(extra)) end
if record.progress.renewal == renewal then unused_slot = record.progress.slot end
give_back_held_slot(record, unused_slot)

local hold = current_hold()
local held = hold and hold['until'] > now
local slot = not held and not is_stopped(record) and is_clock_vouched() and slot_from(soonest, limits)
if slot and slot - now > max_wait_ms then slot = nil end
if slot and unused_slot then
  move_into_slot(limits, slot)
elseif slot then
  take_slot(limits, slot)
  keep_pace(limits)
end
record.progress.renewal = renewal
record.progress.slot = slot or nil
save(record)
lease(id, now + lease_ms)
flush()
if not slot then return {-1, 0, now} end
return {slot - now, slot, now}
