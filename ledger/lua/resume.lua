-- resume(desk, fingerprint)
--
-- Ends the desk's hold. With a fingerprint: only if the desk's credentials have changed since they were last seen.
-- ARGV[2]  fingerprint  of the credentials, or '' to end the hold whatever they are
-- Returns  1 when a hold was ended
if ARGV[2] ~= '' then
  local known = redis.call('HGET', HOLDS, 'fingerprint')
  redis.call('HSET', HOLDS, 'fingerprint', ARGV[2])
  if not known or known == ARGV[2] then return 0 end
end
local ended = redis.call('HDEL', HOLDS, 'hold', 'streak')
look_at(now)
return ended > 0 and 1 or 0
