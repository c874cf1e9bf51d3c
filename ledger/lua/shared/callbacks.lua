-- Callbacks and notices that are owed: see ledger/callbacks.py and ledger/notices.py.

--: Callbacks are posted for up to 24 hours, and tell of a record that must still be there then, ms.
local CALLBACKS_FOR = 90000000
--: As in ledger/callbacks.py. Put off the score of what was never posted, which so stands first, ms.
local NEVER_POSTED = 10000000000000
--: Kept for one key at one desk; of more, the one that would be posted last is dropped. A desk of 100 a minute comes to
--: it when its receiver has been silent for 16 hours.
local MOST_CALLBACKS = 100000

-- What became of it is posted to its callback URL by a worker (worker/callbacks.py). That is owed from the same step on
-- that makes it true, so that no crash can come between. `snapshot`: how it stands now, since it may be retried before
-- the post. Each key has a queue of its own at each desk; in it what was never posted stands before what is posted again.
-- `at`: when it reached that state, if not now.
local function owe_callback(id, state, url, caller, snapshot, at)
  at = at or now
  local name, owner = table.concat({id, state, string.format('%d', at)}, '_'), (caller or '') .. '@' .. DESK
  local owed, queue = key('callback', name), key('callbacks', 'of', owner)
  redis.call('HSET', owed, 'id', id, 'state', state, 'at', at, 'url', url, 'snapshot', cjson.encode(snapshot))
  redis.call('PEXPIRE', owed, CALLBACKS_FOR)
  redis.call('ZADD', queue, now - NEVER_POSTED, name)
  redis.call('ZADD', key('callbacks', 'owners'), 'LT', now, owner)
  if redis.call('ZCARD', queue) > MOST_CALLBACKS then
    redis.call('DEL', key('callback', redis.call('ZPOPMAX', queue)[1]))
    redis.call('INCR', key('callbacks', 'dropped'))
  end
end

local COUNTED = {'scheduled', 'queued', 'sending', 'deferred', 'unknown', 'delivered', 'failed', 'expired', 'cancelled',
  'rerouted'}

local function counts_of(id)
  local got = redis.call('HMGET', key('lane', id), unpack(COUNTED))
  local counts = {}
  for index, name in ipairs(COUNTED) do counts[name] = tonumber(got[index]) or 0 end
  return counts
end

--: How many notices may wait for a worker; beyond that the oldest are dropped. A worker takes them within a second.
local MOST_NOTICES = 10000

-- A message of Deskbell's own to the person who started an announcement, or to its approvers. A worker accepts it
-- (worker/notices.py) under a key made of the entry, so it stays one message even if a worker dies in between.
local function owe_notice(id, kind, ...)
  redis.call('RPUSH', key('notices'), cjson.encode({id, kind, now, counts_of(id), ...}))
  redis.call('LTRIM', key('notices'), -MOST_NOTICES, -1)
end

-- A notice of its end is owed once, a callback each time that it ends.
local function owe_end_of(info)
  if info.callback then owe_callback(info.id, info.state, info.callback, info.caller, counts_of(info.id)) end
  if info.notify and redis.call('HSETNX', key('lane', info.id), 'notified', now) == 1 then owe_notice(info.id, info.state) end
end
