-- cancel(desk, results_for_ms, by, id …)
--
-- ARGV[2]  results_for_ms
-- ARGV[3]  by           who asked
-- ARGV[4…] ids
-- Returns  by twos: 1 or 0 (the state does not allow it), the state now; state '' when there is no such record
-- A cancelled id stays in its lane's list, where release drops it: taking it out would cost the length of the lane.
local results_for_ms = tonumber(ARGV[2])

-- A row whose turn never came is not looked at again when the others like it change their state all at once.
local function leave_rest(record)
  local info = not record.event and announcement(record.lane)
  if not info or tonumber(record.input) < info.next then return end
  info.cancelled_ahead = redis.call('HINCRBY', key('lane', record.lane), 'cancelled_ahead', 1)
end

return act_on_each(4, function(record)
  if record.damaged or record.progress.state == 'sending' or not may(record, 'cancelled') then return false end
  redis.call('ZREM', key('lane', record.lane, 'due'), record.id)
  leave_unresolved(record.id)
  move(record, 'cancelled')
  leave_rest(record)
  append(record, 'acts', {now, ARGV[3], 'cancel'})
  save(record, results_for_ms)
  return true
end)
