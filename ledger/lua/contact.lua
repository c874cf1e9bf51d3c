-- contact(desk = '', app, api)
--
-- Asks for the right to call an API of Feishu's contacts once, over all processes. An app may call each 1000 times in a minute
-- and 50 times in a second. What is kept is a little less in a little longer, for calls that are delayed on their way.
-- ARGV[2]  app  hash of the app
-- ARGV[3]  api  name of the API, or of several that share a pace
-- Returns  0, or ms to wait before asking again
local MINUTE, MINUTE_CALLS = 61000, 980
local SECOND, SECOND_CALLS = 1100, 45
local calls = key('app', ARGV[2], 'calls', ARGV[3]) -- list: ms of the calls, latest first; expires when none counts any more

local function wait_for(most, window)
  local oldest = redis.call('LINDEX', calls, most - 1)
  -- Later than now: by a clock that was set back since.
  return oldest and math.min(tonumber(oldest), now) + window - now or 0
end

local wait = math.max(wait_for(MINUTE_CALLS, MINUTE), wait_for(SECOND_CALLS, SECOND))
if wait > 0 then return wait end
redis.call('LPUSH', calls, now)
redis.call('LTRIM', calls, 0, MINUTE_CALLS - 1)
redis.call('PEXPIRE', calls, MINUTE)
return 0
