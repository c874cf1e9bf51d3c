-- steer(desk, id, verb, by, most)
--
-- Pauses, resumes or cancels an announcement. No call of it starts after that: releasing stops here, and claims look.
-- ARGV[2]  id
-- ARGV[3]  verb  pause | resume | cancel
-- ARGV[4]  by    who asked
-- ARGV[5]  most  rows that one call of cancel writes; call again while some are left
-- Returns  [1 done · 0 its state does not allow it · -1 no such announcement, its state, rows still to cancel]
local id, verb, by, most = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local FROM = {pause = {running = 'paused'}, resume = {paused = 'running'}, cancel = {running = 'cancelled', paused = 'cancelled'}}

local info, draft = announcement(id), open_draft(id)
if draft then return {0, draft.state, 0} end
if not info or info.state == 'loading' then return {-1, '', 0} end
local again = verb == 'cancel' and info.state == 'cancelled'
local to = FROM[verb][info.state]
if not to and not again then return {0, told_state(info), 0} end

-- From here on all rows may be released, and failures count anew.
local function go_on()
  local lane = key('lane', id)
  redis.call('HDEL', lane, 'first', 'paused_by')
  if not info.stop_at then return end
  local ended = redis.call('HMGET', lane, 'delivered', 'failed')
  redis.call('HSET', lane, 'resumed_at', now, 'delivered_before', ended[1] or 0, 'failed_before', ended[2] or 0)
end

-- The rows that were never released become cancelled all at once: nothing is written of them.
local function cancel_rest()
  if not may({progress = {state = info.rest}}, 'cancelled') then return end
  count(id, info.rest, -resting(info))
  count(id, 'cancelled', resting(info))
  redis.call('HSET', key('lane', id), 'rest', 'cancelled')
  info.rest = 'cancelled'
end

local function cancel_returned()
  local ids = redis.call('LPOP', key('lane', id, 'ids'), most) or {}
  local due = #ids < most and redis.call('ZRANGE', key('lane', id, 'due'), 0, most - #ids - 1) or {}
  if #due > 0 then redis.call('ZREMRANGEBYRANK', key('lane', id, 'due'), 0, #due - 1) end
  for _, list in ipairs({ids, due}) do
    for _, row in ipairs(list) do
      local record = open_record(row)
      if record and not record.damaged and may(record, 'cancelled') then
        move(record, 'cancelled')
        save(record)
      end
    end
  end
  return redis.call('LLEN', key('lane', id, 'ids')) + redis.call('ZCARD', key('lane', id, 'due'))
end

if again then
  write_again(key('lane', id))
else
  note_act(id, by, verb, 'state', to)
  info.state = to
end
local left = 0
if verb == 'pause' then redis.call('HSET', key('lane', id), 'paused_by', 'operator') end
if verb == 'resume' then
  go_on()
  forget_sample(id)
  join_turns(id)
  look_at(now)
else
  redis.call('ZREM', TURNS, id)
end
if verb == 'cancel' then
  if not again then cancel_rest() end
  left = cancel_returned()
  redis.call('ZREM', DUE, left == 0 and id or '')
  flush()
end
return {1, told_state(info), left}
