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

local results = {}
for index = 4, #ARGV do
  local record = open_record(ARGV[index])
  local allowed = record and not record.damaged and record.progress.state ~= 'sending' and may(record, 'cancelled')
  if allowed then
    redis.call('ZREM', key('lane', record.lane, 'due'), record.id)
    move(record, 'cancelled')
    leave_rest(record)
    append(record, 'acts', {now, ARGV[3], 'cancel'})
    save(record, results_for_ms)
  end
  table.insert(results, allowed and 1 or 0)
  table.insert(results, record and record.progress.state or '')
end
flush()
return results
