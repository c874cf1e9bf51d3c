-- From an address to its person: what the verbs `ask` and `answer` do with events that wait for it.

--: Unresolved events that are looked at in one call.
local LOOKED_AT = 500

-- Its record, if it still waits: one that was cancelled by an older version still stands here.
local function open_unresolved(id)
  local record = open_record(id)
  local state = record and not record.damaged and record.contact and record.progress.state
  if state == 'queued' or state == 'scheduled' then return record end
  leave_unresolved(id)
end

local function expire_unresolved(results_for_ms)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', UNRESOLVED_ENDS, '-inf', now, 'LIMIT', 0, LOOKED_AT)) do
    local record = open_unresolved(id)
    if record then
      move(record, 'expired')
      save(record, results_for_ms)
      leave_unresolved(id)
    end
  end
end

local function settle_one(record, answer, results_for_ms)
  leave_unresolved(record.id)
  if answer.open_id then
    local input = redis.call('HGET', record.key, 'input') or ''
    redis.call('HSET', record.key, 'input', addressed(input, answer.open_id))
    redis.call('HDEL', record.key, 'unresolved')
    record.contact = nil
    save(record)
    return enqueue(record)
  end
  move(record, 'failed')
  record.progress.error = {reason = answer.reason, msg = answer.problem, code = answer.code}
  tally_ended('failed', 1)
  save(record, results_for_ms)
end

-- Settles whatever is due and answered, in `answers` or in the cache. Returns the addresses of the others, as many as one
-- call takes, and whether there may be more.
local function settle_due(app, answers, results_for_ms)
  expire_unresolved(results_for_ms)
  local contacts, seen = {}, {}
  local waiting = redis.call('LLEN', key('lane', EVENT_LANE, 'ids'))
  local due = redis.call('ZRANGEBYSCORE', UNRESOLVED, '-inf', now, 'LIMIT', 0, LOOKED_AT)
  for _, id in ipairs(due) do
    if #contacts == ADDRESSES_PER_CALL then break end
    local record = open_unresolved(id)
    if record then
      if record.progress.state == 'scheduled' then move(record, 'queued') end
      local answer = answers[record.contact] or known_person(app, record.contact)
      if answer then
        settle_one(record, answer, results_for_ms)
      else
        if record.moved then save(record) end
        if not seen[record.contact] then table.insert(contacts, record.contact) end
        seen[record.contact] = true
      end
    end
  end
  flush()
  if waiting == 0 and redis.call('LLEN', key('lane', EVENT_LANE, 'ids')) > 0 then look_at(now) end
  return contacts, #due == LOOKED_AT
end

-- Plans the next look at the desk's unresolved ones: from `from` on if some are due. Returns the ms until then, -1 for never.
local function plan_unresolved(from, is_due)
  local first = redis.call('ZRANGEBYSCORE', UNRESOLVED, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local ends = redis.call('ZRANGE', UNRESOLVED_ENDS, 0, 0, 'WITHSCORES')[2]
  local next_look
  for _, at in ipairs({is_due and from or false, tonumber(first or false) or false, tonumber(ends or false) or false}) do
    if at and (not next_look or at < next_look) then next_look = at end
  end
  if not next_look then
    redis.call('ZREM', UNRESOLVED_DESKS, DESK)
    return -1
  end
  redis.call('ZADD', UNRESOLVED_DESKS, next_look, DESK)
  return math.max(0, next_look - now)
end
