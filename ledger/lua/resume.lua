-- resume(desk, fingerprint, app)
--
-- Ends the desk's hold, and lets it use its whole quota again. With a fingerprint: only if the desk's credentials have changed since they were last seen.
-- ARGV[2]  fingerprint  of the credentials, or '' to end the hold whatever they are
-- ARGV[3]  app          hash of the app, for which open_ids are good
-- Returns  1 when a hold was ended
-- Versions before 2026-11-25 let the list of slots expire. Every worker that starts asks to resume, so this keeps it.
redis.call('PERSIST', SLOTS)
if ARGV[2] ~= '' then
  local known = redis.call('HGET', HOLDS, 'fingerprint')
  redis.call('HSET', HOLDS, 'fingerprint', ARGV[2], 'app', ARGV[3])
  if not known or known == ARGV[2] then return 0 end
end
redis.call('HDEL', HOLDS, 'streak', 'throttled_at')
redis.call('DEL', SHARE)
local ended = math.min(1, redis.call('HDEL', HOLDS, 'hold', 'people_hold'))
if redis.call('ZCARD', UNRESOLVED) > 0 then look_at_unresolved(now) end

--: Notifications that are brought forward; what is beyond comes by itself within an hour.
local MOST = 1000

-- What was deferred because the desk could not send has nothing to wait for any more.
for _, lane in ipairs(redis.call('ZRANGE', DUE, 0, -1)) do
  local due = key('lane', lane, 'due')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, now, '+inf', 'LIMIT', 0, MOST)) do
    local record = open_record(id)
    if record and record.progress.held then
      redis.call('ZADD', due, now, id)
      redis.call('ZADD', DUE, 'LT', now, lane)
    end
  end
end
look_at(now)
return ended
