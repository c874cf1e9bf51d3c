-- settle(desk, results_for_ms, step, id, by, as, wait_ms, what …)
--
-- An operator settles what was maybe sent, with some seconds to take it back. Until they are over, nothing is changed and
-- nothing is sent; both steps are in the audit log. It is carried out by whoever looks first: the pacer or the console.
-- ARGV[2]  results_for_ms
-- ARGV[3]  step     decide | undo | carry_out
-- ARGV[4]  id       of the settlement, made by the caller: one that is known is not decided again
-- ARGV[5]  by       who says so
-- ARGV[6]  as       delivered | failed | resend
-- ARGV[7]  wait_ms  how long it can be taken back
-- ARGV[8…] what     ids of notifications; or of one announcement, which means all that are unknown
-- Returns  how many are meant, or were taken back, now or just before; 0: they are settled already, or it is too late

-- An undo whose answer was lost may be asked again for so long.
local UNDO_REPEATED = 60000

local results_for_ms, step, id, by = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]

if step == 'carry_out' then
  carry_out_settlements(results_for_ms)
  flush()
  look_at(now)
  return 0
end

local all = settlements()
local known = all[id]

local function note(settlement, did)
  for _, what in ipairs(settlement.of and {settlement.of} or settlement.ids) do
    redis.call('LPUSH', key('acts'), cjson.encode({now, by, did .. settlement.as, what}))
  end
end

if step == 'undo' then
  local taken_back = key('undone', id)
  local count = redis.call('GET', taken_back)
  if not count and (not known or known.due <= now) then return 0 end
  -- Written again when it is asked again, so that the repeat of a lost answer waits for the disk, too.
  redis.call('SET', taken_back, count or known.count, 'PX', UNDO_REPEATED)
  if count then return tonumber(count) end
  all[id] = nil
  keep_settlements(all)
  note(known, 'undo resolve as ')
  return known.count
end

if known then
  write_again(HOLDS)
  return known.count
end

local as, wait_ms = ARGV[6], tonumber(ARGV[7])
local settlement = {at = now, due = now + wait_ms, by = by, as = as, ids = {}}
local function is_settled(record)
  return record.progress.state ~= 'unknown' or as == 'resend' and is_given_up(record)
end

if string.sub(ARGV[8], 1, 2) == 'a_' then
  local info = announcement(ARGV[8])
  if not info or as == 'resend' and info.state == 'cancelled' then return 0 end
  settlement.of, settlement.ids = ARGV[8], nil
  settlement.count = redis.call('ZCARD', key('lane', ARGV[8], 'unknown'))
else
  for index = 8, #ARGV do
    local record = open_record(ARGV[index])
    if record and not is_settled(record) then table.insert(settlement.ids, record.id) end
  end
  settlement.count = #settlement.ids
end
flush()
if settlement.count == 0 then return 0 end
all[id] = settlement
keep_settlements(all)
note(settlement, 'resolve as ')
look_at(settlement.due)
return settlement.count
