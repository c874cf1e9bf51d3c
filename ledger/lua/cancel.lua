-- cancel(desk, results_for_ms, by, id …)
--
-- ARGV[2]  results_for_ms
-- ARGV[3]  by           who asked
-- ARGV[4…] ids
-- Returns  by twos: 1 or 0 (the state does not allow it), the state now; state '' when there is no such record
-- A cancelled id stays in its lane's list, where release drops it: taking it out would cost the length of the lane.
local results_for_ms = tonumber(ARGV[2])
local results = {}
for index = 4, #ARGV do
  local record = open_record(ARGV[index])
  local allowed = record and record.progress.state ~= 'sending' and may(record, 'cancelled')
  if allowed then
    redis.call('ZREM', key('lane', record.lane, 'due'), record.id)
    move(record, 'cancelled')
    append(record, 'acts', {now, ARGV[3], 'cancel'})
    save(record, results_for_ms)
  end
  table.insert(results, allowed and 1 or 0)
  table.insert(results, record and record.progress.state or '')
end
flush()
return results
