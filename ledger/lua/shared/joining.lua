-- Events that join one message: the windows that gather them, and what the message keeps of each.

--: How many lines a message keeps, the newest ones. All events are counted.
local MOST_LINES = 200
--: How many fields the counts of a message may have. Once they are full, events of further groups count as `others`.
local MOST_GROUPS = 200
--: How long a window outlasts its end, ms, in case no pacer has closed it yet. After that the next event opens a new one.
local WINDOW_LINGERS = 86400000
--: How many callbacks of joined events one look of the pacer enters, once their message has ended.
local TOLD_AT_ONCE = 200

-- A window is open until its message leaves `scheduled`. Before any event joins, a window has no message and is open until its
-- end; if it began in the future, the clock was set back since.
local function open_window(window)
  local kept = decoded(redis.call('GET', key('window', DESK, window.key)))
  if not kept then return nil end
  if not kept.message then return kept.since <= now and kept.ends > now and kept or nil end
  local message = open_record(kept.message)
  if not message or message.damaged or message.progress.state ~= 'scheduled' then return nil end
  kept.record, kept.ends = message, message.progress.due or kept.ends
  return kept
end

local function remember_window(window, kept)
  local text = cjson.encode({since = kept.since, ends = kept.ends, message = kept.message})
  redis.call('SET', key('window', DESK, window.key), text, 'PX', math.max(kept.ends - now, 0) + WINDOW_LINGERS)
end

-- The message expires with the last of its events: never, if one of them does not.
local function extend_expiry(message, expires_at)
  if message.expires_at == 0 or (expires_at > 0 and expires_at <= message.expires_at) then return end
  message.expires_at = expires_at
  redis.call('HSET', message.key, 'expires_at', expires_at)
  if not message.contact then return end
  redis.call('ZREM', UNRESOLVED_ENDS, message.id)
  if expires_at > 0 then redis.call('ZADD', UNRESOLVED_ENDS, expires_at, message.id) end
end

-- From when until when an alert fired whose end a line tells of, by the line's number, for as long as the line is kept. An
-- older version does not know of this when the message ends: so it always expires.
local function keep_fired(message_id, number, fired, kept_for)
  local name = key('joined', message_id, 'fired')
  if number > MOST_LINES then redis.call('HDEL', name, number - MOST_LINES) end
  if not fired then return end
  redis.call('HSET', name, number, string.format('%d %d', fired[1], fired[2]))
  redis.call('PEXPIRE', name, kept_for)
end

local function keep_line(message_id, item, window, fired)
  local kept, lines, group = key('joined', message_id), key('joined', message_id, 'lines'), 'of ' .. window.group
  local number = redis.call('HINCRBY', kept, 'count', 1)
  keep_fired(message_id, number, fired, item.key_ttl_ms)
  if redis.call('HINCRBY', kept, group, 1) == 1 and redis.call('HLEN', kept) > MOST_GROUPS then
    redis.call('HDEL', kept, group)
    redis.call('HINCRBY', kept, 'others', 1)
  end
  redis.call('LPUSH', lines, cjson.encode({now, window.group, window.line, item.expires_at}))
  redis.call('LTRIM', lines, 0, MOST_LINES - 1)
  if item.callback ~= '' then
    redis.call('RPUSH', key('joined', message_id, 'callbacks'), cjson.encode({item.id, item.callback, item.caller}))
  end
end

-- Each event that joined a message gets a callback of its own when the message ends. There may be many, so the pacer enters
-- them in portions (tell_joined).
local function owe_joined(record)
  if redis.call('EXISTS', key('joined', record.id, 'callbacks')) == 0 then return end
  redis.call('RPUSH', ENDED, cjson.encode({id = record.id, at = now, next = 0, progress = record.progress}))
  look_at(now)
end

-- What a message keeps of its events lasts as long as its record.
function after_save_of_message(record, results_for_ms)
  local state = record.progress.state
  for _, part in ipairs({'', ':lines', ':callbacks', ':fired'}) do
    local name = key('joined', record.id) .. part
    if FINAL[state] then redis.call('PEXPIRE', name, results_for_ms) elseif record.revived then redis.call('PERSIST', name) end
  end
  if record.moved and (FINAL[state] or state == 'unknown') then owe_joined(record) end
end

local function tell_one(ended, joined)
  local id, url, caller = joined[1], joined[2], joined[3]
  redis.call('PEXPIRE', key('n', id), CALLBACKS_FOR, 'GT') -- the callback tells of its record
  owe_callback(id, ended.progress.state, url, caller, ended.progress, ended.at)
end

-- Enters callbacks of joined events whose message has ended. Returns whether more are left.
local function tell_joined()
  local text = redis.call('LINDEX', ENDED, 0)
  local ended = decoded(text)
  if not ended then return text and redis.call('LPOP', ENDED) end
  ended.progress.into, ended.progress.gathers = ended.id, nil
  local owed = redis.call('LRANGE', key('joined', ended.id, 'callbacks'), ended.next, ended.next + TOLD_AT_ONCE - 1)
  for _, each in ipairs(owed) do tell_one(ended, cjson.decode(each)) end
  ended.next = ended.next + #owed
  if #owed < TOLD_AT_ONCE then redis.call('LPOP', ENDED) else redis.call('LSET', ENDED, 0, cjson.encode(ended)) end
  return redis.call('EXISTS', ENDED) == 1
end
