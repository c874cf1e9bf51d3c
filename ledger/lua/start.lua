-- start(desk, id, total, at, by, {opens, closes} …)
--
-- Accepts a loaded announcement: from here on all its rows count. Starting again changes nothing.
-- ARGV[2]  id
-- ARGV[3]  total   rows that must be there
-- ARGV[4]  at      ms of the first send, 0 = at once
-- ARGV[5]  by      who announces it, or '' when that is not told
-- ARGV[6…] by twos: sending hours, ms of each opening and closing, in order; none: at any time
-- Returns  1 started now · 0 it was started before · -1 no such announcement, or rows are missing
local id, total, at = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local lane = key('lane', id)
local state = redis.call('HGET', lane, 'state')
if state and state ~= 'loading' then
  write_again(lane)
  return 0
end
if not state or redis.call('HLEN', key('rows', id)) ~= total then return -1 end

local waits = at > now
for index = 6, #ARGV, 2 do
  redis.call('RPUSH', key('lane', id, 'hours'), ARGV[index] .. ' ' .. ARGV[index + 1])
end
redis.call('HSET', lane, 'state', 'running', 'total', total, 'rest', waits and 'scheduled' or 'queued', 'started_at', now,
  'hours', #ARGV > 5 and 1 or 0, 'opens_at', waits and at or 0)
if ARGV[5] ~= '' then redis.call('HSET', lane, 'acts', cjson.encode({{now, ARGV[5], 'announce'}})) end
redis.call('PERSIST', lane)
redis.call('PERSIST', key('rows', id))
redis.call('ZADD', ANNOUNCEMENTS, now, id)
count(id, waits and 'scheduled' or 'queued', total)
flush()
if waits then
  redis.call('ZADD', DUE, 'LT', at, id)
else
  join_turns(id)
end
look_at(waits and at or now)
return 1
