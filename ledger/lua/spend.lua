-- spend(desk, owner, most, number, kept_seconds)
--
-- Counts what a key has accepted on one day (UTC), all of it or none: of two requests that come at once, both are counted
-- before either is accepted.
-- ARGV[2]  owner         the key's id
-- ARGV[3]  most          that may be accepted on a day
-- ARGV[4]  number        more; negative: given back, since it was not accepted after all
-- ARGV[5]  kept_seconds  how long the count is kept
-- Returns  [1 counted · 0 it would be too many, how many are counted now]
local owner, day = ARGV[2], string.format('%d', math.floor(now / 86400000))
local counted = key('api_keys', 'day', owner, day)
local before, number = tonumber(redis.call('GET', counted) or 0), tonumber(ARGV[4])
if before + number > tonumber(ARGV[3]) and number > 0 then return {0, before} end
local after = redis.call('INCRBY', counted, math.max(number, -before))
redis.call('EXPIRE', counted, ARGV[5])
return {1, after}
