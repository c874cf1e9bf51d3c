-- reschedule(desk, id, at, by, written, to_write, keep_ms, key, image, fingerprint, {opens, closes} …)
--
-- Gives another time to what has not begun: a scheduled notification, an approved draft, or an announcement that is scheduled, or
-- was paused before its first row was released. Release (release.lua) either came before, and then the state forbids this, or
-- sees the new time.
-- ARGV[2]   id
-- ARGV[3]   at        ms; not later than now: at once
-- ARGV[4]   by        who asked
-- ARGV[5]   written   what the caller has read, an announcement's spec or a notification's input: it may have changed since
-- ARGV[6]   to_write  the same with the new time
-- ARGV[7]   keep_ms   its key and its image stay for so long at least
-- ARGV[8]   key       hash of a notification's key, or ''; an announcement has its own on record
-- ARGV[9]   image     SHA-256 of its image, or ''
-- ARGV[10]  fingerprint  of a draft with the new time, or ''
-- ARGV[11…] by twos: an announcement's sending hours from that time on, as in start.lua
-- Returns   [1 done · 2 it has that time already · 0 its state does not allow it · -1 there is none · -2 it has changed:
--           read it again, its state]
local id, at, by, written, to_write = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]

-- Whether it is what the caller has read, what the caller wants (a replayed call), or something else.
local function compared(content)
  if content == to_write then return 'done' end
  return content == written and 'same' or 'changed'
end

local function keep_longer(name)
  local left = redis.call('PTTL', name)
  if left >= 0 and left < tonumber(ARGV[7]) then redis.call('PEXPIRE', name, ARGV[7]) end
end

local function keep_what_it_needs(name)
  if name and name ~= '' then keep_longer(key('key', DESK, name)) end
  if ARGV[9] ~= '' then keep_longer(key('image', ARGV[9])) end
end

local function plan(lane)
  redis.call('ZADD', DUE, 'LT', at, lane)
  look_at(at)
end

-- Where it waits for its time; one without a receiver is asked about when that has come.
local function waits_in(record) return record.contact and UNRESOLVED or key('lane', record.lane, 'due') end

-- A row that was never released waits for its announcement, and not among the due ones.
local function is_waiting(record)
  return not record.damaged and record.progress.state == 'scheduled' and redis.call('ZSCORE', waits_in(record), record.id)
end

local function reschedule_notification()
  local record = open_record(id, true)
  if not record then return {-1, ''} end
  if not is_waiting(record) then return {0, record.progress.state} end
  local found = compared(record.content)
  if found == 'changed' then return {-2, record.progress.state} end
  if found == 'done' then
    write_again(record.key)
    return {2, record.progress.state}
  end
  redis.call('HSET', record.key, record.input, to_write)
  redis.call('ZADD', waits_in(record), at, id)
  if record.progress.due then record.progress.due, record.progress.lasts = at, nil end
  append(record, 'acts', {now, by, 'reschedule'})
  save(record)
  keep_what_it_needs(ARGV[8])
  if record.contact then look_at_unresolved(math.max(at, may_ask_from())) else plan(record.lane) end
  return {1, record.progress.state}
end

-- In the place of the old ones, which may begin too late, or end too early.
local function plan_hours()
  local hours = key('lane', id, 'hours')
  redis.call('DEL', hours)
  for index = 11, #ARGV, 2 do redis.call('RPUSH', hours, ARGV[index] .. ' ' .. ARGV[index + 1]) end
end

local function has_not_begun(info)
  local waits = info.rest == 'scheduled' or info.rest == 'queued' and info.state == 'paused'
  return info.next == 0 and waits and (info.state == 'running' or info.state == 'paused')
end

-- The approval stays: the new time is on record, and an edit of the version before it is refused.
local function reschedule_draft(draft)
  if draft.state ~= 'approved' then return {0, draft.state} end
  local found = compared(redis.call('HGET', draft.lane, 'spec'))
  if found == 'changed' then return {-2, draft.state} end
  if found == 'done' then
    write_again(draft.lane)
    return {2, draft.state}
  end
  note_act(id, by, 'reschedule', 'spec', to_write, 'fingerprint', ARGV[10], 'version', draft.version + 1)
  keep_what_it_needs()
  return {1, draft.state}
end

local function reschedule_announcement()
  local info, lane, draft = announcement(id), key('lane', id), open_draft(id)
  if draft then return reschedule_draft(draft) end
  if not info or info.state == 'loading' then return {-1, ''} end
  if not has_not_begun(info) then return {0, told_state(info)} end
  local found = compared(redis.call('HGET', lane, 'spec'))
  if found == 'changed' then return {-2, told_state(info)} end
  if found == 'done' then
    write_again(lane)
    return {2, told_state(info)}
  end
  count(id, info.rest, -resting(info))
  count(id, 'scheduled', resting(info))
  info.rest = 'scheduled'
  redis.call('HSET', lane, 'spec', to_write, 'rest', 'scheduled', 'opens_at', at)
  note_act(id, by, 'reschedule')
  plan_hours()
  flush()
  keep_what_it_needs(redis.call('HGET', lane, 'key'))
  plan(id)
  return {1, told_state(info)}
end

return string.sub(id, 1, 2) == 'a_' and reschedule_announcement() or reschedule_notification()
