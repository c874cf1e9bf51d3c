-- A desk's calls: whether it is held, and in which ms it may make one more.

local function current_hold()
  local text = redis.call('HGET', HOLDS, 'hold')
  local hold = text and decoded(text)
  return hold and hold.kind and type(hold['until']) == 'number' and hold or nil
end

-- Limits are read from ARGV[first]: their number, then calls and window_ms of each. The window already
-- contains the slack by which a call may start after its slot. Returns the limits and the next index.
local function read_limits(first)
  local limits, index = {}, first + 1
  local number = tonumber(ARGV[first])
  local share = number > 0 and tonumber(redis.call('GET', SHARE) or 1)
  for _ = 1, number do
    local calls = math.max(1, math.floor(tonumber(ARGV[index]) * share))
    table.insert(limits, {calls = calls, window = tonumber(ARGV[index + 1])})
    index = index + 2
  end
  return limits, index
end

-- The earliest ms, not before `from`, at which one more call keeps every limit.
local function slot_from(from, limits)
  local at = from
  for _, limit in ipairs(limits) do
    local oldest = redis.call('LINDEX', SLOTS, limit.calls - 1)
    if oldest then at = math.max(at, oldest + limit.window) end
  end
  return at
end

-- Whether one more call at `at` keeps every limit, also with the slots that are reserved for later. (slot_from looks at
-- the latest slots alone: it would put the call behind all of those.)
local function is_free(limits, at)
  local later = 0
  while (tonumber(redis.call('LINDEX', SLOTS, later) or 0)) > at do later = later + 1 end
  for _, limit in ipairs(limits) do
    for index = 0, later do
      local ends = index == later and at or tonumber(redis.call('LINDEX', SLOTS, index))
      local oldest = redis.call('LINDEX', SLOTS, index + limit.calls - 1)
      if ends - at < limit.window and oldest and oldest + limit.window > ends then return false end
    end
  end
  return true
end

-- In order of time, not of granting: after give-backs a slot may be free before one that is reserved already.
local function insert_slot(at)
  local index = 0
  local other = redis.call('LINDEX', SLOTS, index)
  while other and tonumber(other) > at do
    index = index + 1
    other = redis.call('LINDEX', SLOTS, index)
  end
  if other then redis.call('LINSERT', SLOTS, 'BEFORE', other, at) else redis.call('RPUSH', SLOTS, at) end
end

-- Announcements are paced evenly, so that a slot is always near: not before this, ms. Every call counts, also those of
-- events. Half a slot that was missed is made up for, so that the pacer's own delays do not add up; not one that could not
-- be had, and none after an idle time: that would leave a hole of one slot and a half in each window from then on.
local function pace(limits, at)
  local gap = 0
  for _, limit in ipairs(limits) do gap = math.max(gap, limit.window / limit.calls) end
  local paced = tonumber(redis.call('HGET', HOLDS, 'pace_at') or 0)
  local from = at - paced > gap and at or math.max(slot_from(paced, limits), at - gap / 2)
  redis.call('HSET', HOLDS, 'pace_at', string.format('%.3f', from + gap))
end

local function longest_window(limits)
  local longest = 0
  for _, limit in ipairs(limits) do longest = math.max(longest, limit.window) end
  return longest
end

-- Slots are forgotten by age and not by number: a reserved one may be given back before its time, and the oldest
-- one that it would have pushed out still counts then. The list as such does not expire: that would be by a clock that may
-- be set forward.
local function move_into_slot(limits, at)
  if #limits == 0 then return end
  insert_slot(at)
  while redis.call('LINDEX', SLOTS, -1) + longest_window(limits) <= now do redis.call('RPOP', SLOTS) end
  redis.call('PERSIST', SLOTS)
end

-- For one call more. Whoever has given its slot back for another one moves: it was counted in the pace already.
local function take_slot(limits, at)
  if #limits > 0 then pace(limits, at) end
  move_into_slot(limits, at)
end

--: No slot is reserved farther ahead than this, ms.
local FARTHEST_SLOT = 10000

-- Slots farther in the future than any that is granted were made by a clock that was set back since: they count as made
-- now, or the desk would stand still for as long. A pacer that saw the step has moved them (step.lua); this is for when
-- none was there.
local function forget_clock_set_back(limits)
  local latest = tonumber(redis.call('LINDEX', SLOTS, 0) or 0)
  local most = now + math.max(FARTHEST_SLOT, longest_window(limits))
  if #limits == 0 or latest <= most then return end
  for index, at in ipairs(redis.call('LRANGE', SLOTS, 0, -1)) do
    if tonumber(at) <= most then break end
    redis.call('LSET', SLOTS, index - 1, now)
  end
  redis.call('HDEL', HOLDS, 'pace_at')
end

-- For a slot in which no call was made.
local function give_back_slot(at) redis.call('LREM', SLOTS, 1, at) end

-- The slot of a holder, once: after a lost answer it may be given back again, and by then another notification's
-- slot of the same ms would go.
local function give_back_held_slot(record, at)
  if not at or record.progress.slot ~= at then return end
  record.progress.slot = nil
  give_back_slot(at)
end
