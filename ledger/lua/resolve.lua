-- resolve(desk, results_for_ms, by, as, id …)
--
-- An operator settles what no machine can: whether a maybe-sent notification arrived.
-- ARGV[2]  results_for_ms
-- ARGV[3]  by      who says so
-- ARGV[4]  as      delivered | failed | resend
-- ARGV[5…] ids
-- Returns  by twos: 1 or 0 (it is not unknown, or is to be sent for a cancelled announcement), the state now; state '' when there is no such record
local results_for_ms, by, as = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local to = as == 'resend' and 'queued' or as
local results = {}
for index = 5, #ARGV do
  local record = open_record(ARGV[index])
  local allowed = record and record.progress.state == 'unknown' and may(record, to)
    and not (to == 'queued' and is_given_up(record))
  if allowed then
    move(record, to)
    record.progress.lost = nil
    append(record, 'acts', {now, by, 'resolve as ' .. as})
    save(record, results_for_ms)
    if to == 'queued' then enqueue(record) end
  end
  table.insert(results, allowed and 1 or 0)
  table.insert(results, record and record.progress.state or '')
end
flush()
if to == 'queued' then look_at(now) end
return results
