-- callbacks(desk = '', most, lease_ms)
--
-- Takes callbacks that are due. Whoever takes one posts it and then strikes it off, or puts it off; when it does neither,
-- another takes it after the lease. So each is posted at least once, and twice only if its poster was lost or slow.
-- ARGV[2]  most      callbacks
-- ARGV[3]  lease_ms  for which they are the caller's
-- Returns  [now_ms, name, id, state, ms when it came to that state, URL, snapshot, name, …]
local results = {now}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('callbacks'), '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local got = redis.call('HMGET', key('callback', name), 'id', 'state', 'at', 'url', 'snapshot')
  if got[1] then
    redis.call('ZADD', key('callbacks'), now + ARGV[3], name)
    table.insert(results, name)
    for index = 1, 5 do table.insert(results, got[index]) end
  else
    redis.call('ZREM', key('callbacks'), name) -- it has expired: nobody could post it in a day
  end
end
return results
