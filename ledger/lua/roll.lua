-- roll(desk, since_ms)
--
-- Adds up the minutes of each quarter of an hour that is over, for the charts of a day and of a week, and removes old ones. The
-- leading pacer calls this once a quarter (worker/charts.py). A quarter that is there stays as it is: two leaders may call, and
-- one may repeat its call after a lost answer.
-- ARGV[2]  since_ms  when a leader came. A quarter without a result is a true zero only if one was there at its end: of an
--                    earlier one nobody knows whether a worker ran, so it stays absent
-- Returns  1, or 0 while the clock is in doubt: then the caller asks again
if not is_clock_vouched() then return 0 end

--: A quarter of an hour, ms, its minutes, and a minute, ms.
local QUARTER, MINUTES = 900000, 15
--: Processes count up to so late, ms. As in ledger/tally.py.
local LATE = 10000
--: So many quarters are kept: those of seven days.
local QUARTERS_KEPT = 672
--: The key goes so long after the last quarter, ms.
local CHART_LINGERS = 691200000

local quarters, since = key('desk', DESK, 'quarters'), tonumber(ARGV[2])
local last = math.floor((now - LATE) / QUARTER) - 1

-- Those that a clock which was set back has still before it are added up anew, with what is counted in them meanwhile.
local function outdated()
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', quarters)) do
    local quarter = tonumber(field)
    if not quarter or quarter > last or quarter <= last - QUARTERS_KEPT then table.insert(found, field) end
  end
  return found
end

local function added_up(quarter)
  local sums = {}
  for minute = quarter * MINUTES, (quarter + 1) * MINUTES - 1 do
    local counts = redis.call('HGETALL', key('desk', DESK, 'tally', string.format('%d', minute)))
    for index = 1, #counts, 2 do
      local name, count = counts[index], tonumber(counts[index + 1]) or 0
      if count > 0 then sums[name] = (sums[name] or 0) + count end
    end
  end
  return sums
end

in_portions('HDEL', quarters, outdated())

-- Not earlier ones: their first minutes may be gone, and a part would look like the whole.
local first = math.floor((now - MINUTE_KEPT * 1000) / QUARTER) + 1
local added = {}
for quarter = first, last do
  local field = string.format('%d', quarter)
  if redis.call('HEXISTS', quarters, field) == 0 then
    local sums = added_up(quarter)
    local has_results = next(sums) ~= nil
    if has_results or since <= (quarter + 1) * QUARTER then
      table.insert(added, field)
      table.insert(added, has_results and cjson.encode(sums) or '{}')
    end
  end
end
if #added > 0 then
  redis.call('HSET', quarters, unpack(added))
  redis.call('PEXPIRE', quarters, CHART_LINGERS)
end
return 1
