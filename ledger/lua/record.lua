-- record(desk, token, results_for_ms, health, {id, to, attempts, wait_ms, extra, slot} …)
--
-- What came of claimed notifications. Only the bearer of the claim's token can record.
-- ARGV[2]  token
-- ARGV[3]  results_for_ms
-- ARGV[4]  health      up: the desk answered sanely · down: it did not · '' : nothing was asked
-- ARGV[5…] by sixes:
--   id
--   to        delivered | failed | deferred | unknown | queued (handed back, in front)
--   attempts  JSON array to append to the attempts, or ''
--   wait_ms   for deferred: how long until it is due
--   extra     JSON object laid over the progress (via, deferrals, failing_ms; awaits: the receiver whose ticket must
--             close first), or ''
--   slot      ms of a slot that was not used and is given back, or ''
-- Returns  [hold, 1 or 0, …]
--   hold      began: an outage of the desk begins with this · ms: a hold ends with this, and lasted so long · '' else
--   1 or 0    whether each was recorded; 0: the lease was lost, and somebody else decided
local token, results_for_ms, health = ARGV[2], tonumber(ARGV[3]), ARGV[4]

--: Notifications in a row that failed for the desk's sake, before all of the desk holds back.
local OUTAGE_AFTER = 5
--: Between probes, ms: the first interval, which doubles, and the longest.
local FIRST_PROBE, LONGEST_PROBE = 5000, 300000

local function outage(hold)
  local interval = hold and hold.kind == 'outage' and math.min(hold.interval * 2, LONGEST_PROBE) or FIRST_PROBE
  redis.call('HSET', HOLDS, 'hold', cjson.encode({kind = 'outage', interval = interval, ['until'] = now + interval,
    since = hold and hold.since or now, reason = 'the API does not answer, or answers with errors'}))
end

local hold_change = ''
-- One failing notification must not stop the others: only a row of failures without a success between opens an outage.
local function note_health()
  local hold, failures = current_hold()
  if health == 'up' then
    if failures then redis.call('HDEL', HOLDS, 'streak') end
    if hold and hold.kind ~= 'throttled' then
      redis.call('HDEL', HOLDS, 'hold')
      hold_change = tostring(now - (hold.since or now))
      look_at(now)
    end
  elseif health == 'down' then
    local streak = redis.call('HINCRBY', HOLDS, 'streak', 1)
    local standing = hold and hold['until'] > now
    -- A probe came to nothing, of whatever kind the hold was: the next one waits for an interval.
    local probed = hold and hold.kind ~= 'throttled'
    if not standing and (probed or streak >= OUTAGE_AFTER) then
      outage(probed and hold or nil)
      if not probed then hold_change = 'began' end
    end
  end
end

--: How much longer than it may wait a notification is found by who tells that the ticket is closed, ms.
local LINGERS = 60000

-- So that the ticket's event (ticket.lua) finds it. Without an event it becomes due by itself, and what stands here is
-- forgotten.
local function await_ticket(record, wait_ms)
  local waiting = key('desk', DESK, 'awaiting', record.progress.awaits)
  redis.call('SADD', waiting, record.id)
  redis.call('PEXPIRE', waiting, wait_ms + LINGERS)
end

local back = {}
local function record_one(index)
  local id, to, attempts, wait_ms, extra, slot =
    ARGV[index], ARGV[index + 1], ARGV[index + 2], tonumber(ARGV[index + 3]), ARGV[index + 4], tonumber(ARGV[index + 5])
  local record = open_record(id)
  if not record or record.progress.token ~= token or not may(record, to) then return 0 end
  if attempts ~= '' then
    for _, attempt in ipairs(cjson.decode(attempts)) do append_attempt(record, attempt) end
  end
  if extra ~= '' then overlay(record, cjson.decode(extra)) end
  give_back_held_slot(record, slot)
  end_lease(id)
  move(record, to)
  if to == 'deferred' then wait_until(record, now + wait_ms) end
  if record.progress.awaits then await_ticket(record, wait_ms) end
  if to == 'queued' then table.insert(back, record) end
  save(record, results_for_ms)
  return 1
end

local recorded, any = {}, false
for index = 5, #ARGV, 6 do
  table.insert(recorded, record_one(index))
  any = any or recorded[#recorded] == 1
end
put_in_front(back)
flush()
-- A replay records nothing, and must not count one failure twice.
if health == 'up' or any then note_health() end
return {hold_change, unpack(recorded)}
