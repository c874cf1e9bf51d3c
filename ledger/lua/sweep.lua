-- sweep(desk, results_for_ms, most, released_lease_ms)
--
-- Takes back what a dead or frozen worker held. Released but never claimed: no call was made, back to the front of its
-- lane. Claimed: the call may have gone out, so the attempt is on record as unknown, and the policy decides.
-- ARGV[2]  results_for_ms
-- ARGV[3]  most        leases to look at in one call
-- ARGV[4]  released_lease_ms  the lease that release gave, from which the time of the slot follows
-- Returns  [n back in the lane, n resent by policy, n at rest as unknown]
local results_for_ms, released_lease_ms = tonumber(ARGV[2]), tonumber(ARGV[4])
local returned, resent, resting = 0, 0, 0
if not is_clock_vouched() then return {0, 0, 0} end

--: A notification that was lost with its worker this often may be what kills them: it rests as unknown, whatever its policy.
local MOST_LOST = 5

local back = {}
local leases = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for index = 1, #leases, 2 do
  local id = leases[index]
  end_lease(id)
  local record = open_record(id)
  local state = record and record.progress.state
  -- Never claimed, also when it was cancelled since: no call was made in its slot.
  if state ~= 'sending' and not (record and record.damaged) then give_back_slot(leases[index + 1] - released_lease_ms) end
  if state == 'queued' then
    table.insert(back, record)
    returned = returned + 1
  elseif state == 'sending' then
    local claimed_at = record.progress.claimed_at
    called.unknown = (called.unknown or 0) + 1
    append(record, 'attempts', {claimed_at, record.progress.via or cjson.null, 'unknown', cjson.null, cjson.null,
      cjson.null, math.max(0, now - claimed_at), cjson.null, 'the worker was lost while it held the notification'})
    record.progress.lost = (record.progress.lost or 0) + 1
    if record.on_unknown == 'resend' and record.progress.lost < MOST_LOST then
      move(record, 'queued')
      table.insert(back, record)
      resent = resent + 1
    else
      move(record, 'unknown')
      resting = resting + 1
    end
    save(record, results_for_ms)
  end
end
put_in_front(back)
flush()
return {returned, resent, resting}
