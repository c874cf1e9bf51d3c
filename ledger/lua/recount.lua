-- recount(desk, lane, since, id …)
--
-- What a lane counts, and what its notifications are, at one moment: for those that look whether the ledger is whole. Changes
-- nothing.
-- ARGV[2]  lane
-- ARGV[3]  since  of events: those accepted from this ms on are looked at too · of an announcement: so are rows from this
--                 number on, also those that were never released
-- ARGV[4…] ids    of the lane, that may have changed since somebody looked
-- Returns  by threes: state, its count, how many of those that were looked at are in it; nothing for an announcement that is not
--          there any more
local lane, since = ARGV[2], tonumber(ARGV[3])

local seen, found = {}, {}
local function add(state, number) found[state] = (found[state] or 0) + number end

local function look(id, unwritten)
  if seen[id] then return end
  seen[id] = true
  local record = place(id)
  local text = redis.call('HGET', record.key, record.progress_field)
  local progress = text and decoded_progress(text)
  if progress or unwritten and not text then add(progress and progress.state or unwritten, 1) end
end

local function look_at_new_events()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', EVENTS, since, '+inf')) do
    if redis.call('HGET', key('n', id), 'desk') == DESK then look(id) end
  end
end

local function look_at_new_rows(info)
  for row = since, info.next - 1 do look(string.format('n_%s-%d', string.sub(lane, 3), row), 'queued') end
  add(info.rest, resting(info))
  add('cancelled', info.cancelled_ahead)
end

local info = lane ~= EVENT_LANE and announcement(lane)
if not info and lane ~= EVENT_LANE then return {} end
for index = 4, #ARGV do look(ARGV[index], info and 'queued') end
if info then look_at_new_rows(info) else look_at_new_events() end

local results = {}
for state in pairs(ALLOWED) do
  for _, value in ipairs({state, tonumber(redis.call('HGET', key('lane', lane), state) or 0), found[state] or 0}) do
    table.insert(results, value)
  end
end
return results
