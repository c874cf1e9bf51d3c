-- retry(desk, by, states, id …)
--
-- Takes notifications at rest back to the end of their lane, with a fresh retry budget.
-- ARGV[2]  by      who asked
-- ARGV[3]  states  comma-separated: the states to take them from (failed, unknown)
-- ARGV[4…] ids
-- Returns  by twos: 1 or 0 (its state is not among `states`, it is not at rest, or its announcement is cancelled), the state
--          now; state '' when there is no such record
local from = {}
for state in string.gmatch(ARGV[3], '%a+') do from[state] = true end
local results = act_on_each(4, function(record)
  local state = record.progress.state
  if not (INDEXED[state] and from[state] and may(record, 'queued')) or is_given_up(record) then return false end
  move(record, 'queued')
  record.progress.deferrals, record.progress.failing_ms, record.progress.lost = nil, nil, nil
  append(record, 'acts', {now, ARGV[2], 'retry'})
  save(record)
  if record.contact then forget_answer(record.contact) end
  enqueue(record)
  return true
end)
look_at(now)
return results
