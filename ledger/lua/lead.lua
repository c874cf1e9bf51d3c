-- lead(desk = '', pacer, lease_ms)
--
-- ARGV[2]  pacer     who asks
-- ARGV[3]  lease_ms  how long the lead is given; 0 gives it up
-- Returns  1 when the caller leads now
local LEADER = key('leader') -- string: the leading pacer, expires with its lease
local leader = redis.call('GET', LEADER)
if leader and leader ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then
  redis.call('DEL', LEADER)
  return 0
end
redis.call('SET', LEADER, ARGV[2], 'PX', ARGV[3])
return 1
