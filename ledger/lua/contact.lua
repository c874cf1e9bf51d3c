-- contact(desk = '', app, api)
--
-- Asks for the right to call an API of Feishu's contacts once, over all processes. An app may call each 1000 times in a minute
-- and 50 times in a second: BURST calls at once, then one each EVERY ms, are 983 and 32 at the most. What is below the limits
-- makes up for calls that are delayed on their way.
-- ARGV[2]  app  hash of the app
-- ARGV[3]  api  name of the API, or of several that share a pace
-- Returns  0, or ms to wait before asking again
local BURST, EVERY = 16, 62
local calls = key('app', ARGV[2], 'calls', ARGV[3]) -- string: ms up to which calls are used up; expires when that is past
local used_up_to = tonumber(redis.call('GET', calls) or now)
-- Later than that: by a clock that was set back since.
used_up_to = math.min(math.max(used_up_to, now), now + BURST * EVERY)
local wait = used_up_to - now - (BURST - 1) * EVERY
if wait > 0 then return wait end
redis.call('SET', calls, string.format('%d', used_up_to + EVERY), 'PX', used_up_to + EVERY - now)
return 0
