-- Settling what was maybe sent. A person's decision from the console waits some seconds in which it can be taken back, and
-- changes nothing until then; others are carried out at once (resolve.lua).

-- One notification, if it is still unknown. Returns whether it was settled.
local function settle_unknown(record, by, as, results_for_ms)
  local to = as == 'resend' and 'queued' or as
  if record.progress.state ~= 'unknown' or not may(record, to) then return false end
  if to == 'queued' and is_given_up(record) then return false end
  move(record, to)
  record.progress.lost = nil
  append(record, 'acts', {now, by, 'resolve as ' .. as})
  save(record, results_for_ms)
  if to == 'queued' then enqueue(record) end
  return true
end

-- The desk's settlements by their ids: `{at, due, by, as, count, ids or of}`, where `of` is an announcement, all of whose rows
-- that were unknown at `at` are meant. Damaged ones are forgotten: what they meant is unknown still.
local function settlements()
  local all = decoded(redis.call('HGET', HOLDS, 'settling')) or {}
  for id, it in pairs(all) do
    local is_whole = type(it) == 'table' and type(it.due) == 'number' and type(it.at) == 'number' and it.by and it.as
      and (type(it.ids) == 'table' or type(it.of) == 'string')
    if not is_whole then all[id] = nil end
  end
  return all
end

local function keep_settlements(all)
  if next(all) then redis.call('HSET', HOLDS, 'settling', cjson.encode(all)) else redis.call('HDEL', HOLDS, 'settling') end
end

--: Rows of an announcement that are settled in one look.
local SETTLED_AT_ONCE = 500

-- Settles what one means, less what has been sent or settled since `at`. Returns whether some is left for another look.
local function carry_out(it, results_for_ms)
  local ids = it.ids
  if it.of then
    ids = redis.call('ZRANGEBYSCORE', key('lane', it.of, 'unknown'), '-inf', it.at, 'LIMIT', 0, SETTLED_AT_ONCE)
  end
  local settled = 0
  for _, id in ipairs(ids) do
    local record = open_record(id)
    -- Not by the record, which may be damaged: the index tells since when it has been unknown.
    local since = record and redis.call('ZSCORE', index_of(record, 'unknown'), id)
    if since and tonumber(since) <= it.at and settle_unknown(record, it.by, it.as, results_for_ms) then
      settled = settled + 1
    end
  end
  return it.of and settled > 0 and #ids == SETTLED_AT_ONCE
end

-- Carries out those that are due, the first decided first; one of a later time was decided before the clock was set back.
-- Returns the ms of the next look, if one is needed.
local function carry_out_settlements(results_for_ms)
  local all, order = settlements(), {}
  if not next(all) then return nil end
  for id in pairs(all) do table.insert(order, id) end
  table.sort(order, function(a, b) return all[a].due < all[b].due or all[a].due == all[b].due and a < b end)
  local next_look
  for _, id in ipairs(order) do
    local it = all[id]
    local is_due = it.due <= now or it.at > now
    if is_due and not carry_out(it, results_for_ms) then
      all[id] = nil
    else
      next_look = next_look or math.max(it.due, now)
    end
  end
  keep_settlements(all)
  return next_look
end
