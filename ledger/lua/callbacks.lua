-- callbacks(desk = '', most, lease_ms, full …)
--
-- Takes callbacks that are due, of as many owners (a key at a desk) as there are in turn: first those that were never posted,
-- then the others. Whoever takes one posts it and then strikes it off, or puts it off; when it does neither, another takes it
-- after the lease. So each is posted at least once, and twice only if its poster was lost or slow.
-- ARGV[2]  most      callbacks
-- ARGV[3]  lease_ms  for which they are the caller's
-- ARGV[4…] full      owners that the caller has no room for
-- Returns  [now_ms, name, id, state, ms when it came to that state, URL, snapshot, owner, 1 if never posted, name, …]
local most, lease_ms = tonumber(ARGV[2]), ARGV[3]
--: Owners that are looked at, at a time.
local LOOKED_AT = 100
local owners_key = key('callbacks', 'owners')

-- What was owed before there were owners stands in one queue; it becomes that of an owner without a name.
local old = redis.call('ZRANGE', key('callbacks'), 0, 999, 'WITHSCORES')
for index = 1, #old, 2 do
  redis.call('ZADD', key('callbacks', 'of', '@'), old[index + 1], old[index])
  redis.call('ZREM', key('callbacks'), old[index])
end
if #old > 0 then redis.call('ZADD', owners_key, 0, '@') end

local full = {}
for index = 4, #ARGV do full[ARGV[index]] = true end
local queues = {}
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners_key, '-inf', now, 'LIMIT', 0, LOOKED_AT + #ARGV - 3)) do
  if not full[owner] then
    local name = key('callbacks', 'of', owner)
    local due = redis.call('ZRANGEBYSCORE', name, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
    table.insert(queues, {owner = owner, name = name, due = due, next = 1})
  end
end

local results, taken = {now}, 0
local function take(queue)
  local name, fresh = queue.due[queue.next], tonumber(queue.due[queue.next + 1]) < 0
  queue.next = queue.next + 2
  local got = redis.call('HMGET', key('callback', name), 'id', 'state', 'at', 'url', 'snapshot')
  if not got[1] then
    redis.call('ZREM', queue.name, name) -- it has expired: nobody could post it in a day
    return
  end
  redis.call('ZADD', queue.name, now + lease_ms, name)
  for _, value in ipairs({name, got[1], got[2], got[3], got[4], got[5], queue.owner, fresh and 1 or 0}) do
    table.insert(results, value)
  end
  taken = taken + 1
end

for _, fresh in ipairs({true, false}) do
  local found = true
  while found and taken < most do
    found = false
    for _, queue in ipairs(queues) do
      local score = tonumber(queue.due[queue.next + 1])
      if score and (score < 0) == fresh and taken < most then
        take(queue)
        found = true
      end
    end
  end
end

-- An owner that had a turn stands behind those that had none.
for _, queue in ipairs(queues) do
  if queue.next > 1 or #queue.due == 0 then
    local first = redis.call('ZRANGE', queue.name, 0, 0, 'WITHSCORES')
    if first[1] then
      redis.call('ZADD', owners_key, math.max(now, tonumber(first[2])), queue.owner)
    else
      redis.call('ZREM', owners_key, queue.owner)
    end
  end
end
return results
