-- A desk's calls: whether it is held, and in which ms it may make one more.

-- From when on the next call of an announcement keeps the pace, ms. Read with the hold.
local paced

-- The hold, if there is one, and how many notifications in a row failed for the desk's sake.
local function current_hold()
  local got = redis.call('HMGET', HOLDS, 'hold', 'streak', 'pace_at')
  local hold = decoded(got[1])
  paced = tonumber(got[3] or 0)
  return hold and hold.kind and type(hold['until']) == 'number' and hold or nil, got[2]
end

-- Limits are read from ARGV[first]: their number, then calls and window_ms of each. The window already
-- contains the slack by which a call may start after its slot.
local function read_limits(first)
  local limits, number = {}, tonumber(ARGV[first])
  local share = number > 0 and tonumber(redis.call('GET', SHARE) or 1)
  for index = first + 1, first + 2 * number, 2 do
    local calls = math.max(1, math.floor(tonumber(ARGV[index]) * share))
    table.insert(limits, {calls = calls, window = tonumber(ARGV[index + 1])})
  end
  return limits
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

local slot_from, move_into_slot, take_slot, keep_pace, forget_clock_set_back, give_back_slot

-- What only these functions need is local to them: Lua allows a script 200 local variables at a time.
do
  -- The latest slot, how many there are, and from when on one more behind them keeps every limit. Each is read once, and
  -- again after a change.
  local latest, number_of_slots, room_from

  local function slots_changed(number) latest, number_of_slots, room_from = nil, number, nil end

  local function latest_slot()
    latest = latest or tonumber(redis.call('LINDEX', SLOTS, 0) or 0)
    return latest
  end

  -- The earliest ms, not before `from`, at which one more call keeps every limit.
  function slot_from(from, limits)
    if not room_from then
      room_from = 0
      for _, limit in ipairs(limits) do
        local is_full = not number_of_slots or number_of_slots >= limit.calls
        local oldest = is_full and redis.call('LINDEX', SLOTS, limit.calls - 1)
        if oldest then room_from = math.max(room_from, oldest + limit.window) end
      end
    end
    return math.max(from, room_from)
  end

  -- In order of time, not of granting: after give-backs a slot may be free before one that is reserved already.
  local function insert_slot(at)
    if latest_slot() <= at then
      slots_changed(redis.call('LPUSH', SLOTS, at))
      latest = at
      return
    end
    local index, other = 0, latest
    while other and tonumber(other) > at do
      index = index + 1
      other = redis.call('LINDEX', SLOTS, index)
    end
    slots_changed(other and redis.call('LINSERT', SLOTS, 'BEFORE', other, at) or redis.call('RPUSH', SLOTS, at))
  end

  -- Announcements are paced evenly, so that a slot is always near: not before this, ms. Every call counts, also those of
  -- events. Half a slot that was missed is made up for, so that the pacer's own delays do not add up; not one that could not
  -- be had, and none after an idle time: that would leave a hole of one slot and a half in each window from then on.
  local function pace(limits, at)
    local gap = 0
    for _, limit in ipairs(limits) do gap = math.max(gap, limit.window / limit.calls) end
    local from = at - paced > gap and at or math.max(slot_from(paced, limits), at - gap / 2)
    paced = from + gap
  end

  local function longest_window(limits)
    local longest = 0
    for _, limit in ipairs(limits) do longest = math.max(longest, limit.window) end
    return longest
  end

  --: Besides as many as the largest limit has calls, so many slots may be kept that are too old to count: they are dropped
  --: together, which costs less than to look at the oldest at each call.
  local SPARE = 64

  -- Slots are forgotten by age and not by number: a reserved one may be given back before its time, and the oldest
  -- one that it would have pushed out still counts then. The list as such does not expire: that would be by a clock that may
  -- be set forward.
  local function forget_old_slots(limits)
    local most = 0
    for _, limit in ipairs(limits) do most = math.max(most, limit.calls) end
    if number_of_slots <= most + SPARE then return end
    local old, ended = 0, now - longest_window(limits)
    for _, at in ipairs(redis.call('LRANGE', SLOTS, -SPARE, -1)) do
      if tonumber(at) <= ended then old = old + 1 end
    end
    if old == 0 then return end
    redis.call('LTRIM', SLOTS, 0, -old - 1)
    number_of_slots = number_of_slots - old
  end

  function move_into_slot(limits, at)
    if #limits == 0 then return end
    insert_slot(at)
    forget_old_slots(limits)
  end

  -- For one call more: the verb has read the hold before, and keeps the pace afterwards. Whoever has given its slot back for
  -- another one moves: it was counted in the pace already.
  function take_slot(limits, at)
    if #limits > 0 then pace(limits, at) end
    move_into_slot(limits, at)
  end

  -- Once for all slots that a verb has taken.
  function keep_pace(limits)
    if #limits > 0 then redis.call('HSET', HOLDS, 'pace_at', string.format('%.3f', paced)) end
  end

  --: No slot is reserved farther ahead than this, ms.
  local FARTHEST_SLOT = 10000

  -- Slots farther in the future than any that is granted were made by a clock that was set back since: they count as made
  -- now, or the desk would stand still for as long. A pacer that saw the step has moved them (step.lua); this is for when
  -- none was there.
  function forget_clock_set_back(limits)
    local most = now + math.max(FARTHEST_SLOT, longest_window(limits))
    if #limits == 0 or latest_slot() <= most then return end
    for index, at in ipairs(redis.call('LRANGE', SLOTS, 0, -1)) do
      if tonumber(at) <= most then break end
      redis.call('LSET', SLOTS, index - 1, now)
    end
    redis.call('HDEL', HOLDS, 'pace_at')
    slots_changed()
  end

  -- For a slot in which no call was made.
  function give_back_slot(at)
    redis.call('LREM', SLOTS, 1, at)
    slots_changed()
  end
end

-- The slot of a holder, once: after a lost answer it may be given back again, and by then another notification's
-- slot of the same ms would go.
local function give_back_held_slot(record, at)
  if not at or record.progress.slot ~= at then return end
  record.progress.slot = nil
  give_back_slot(at)
end
