-- ticket(desk, event, ticket, at, is_open, remember_ms, believed_ms, open_id, {other id} …)
--
-- What a ticket event of Feishu says: its guest has an open ticket, or has none any more. In the second case whatever
-- waits for that is due at once. Events come more than once and in any order.
-- ARGV[2]  event        hash of the event's id: the second time it changes nothing
-- ARGV[3]  ticket       hash of the ticket's id
-- ARGV[4]  at           ms when the ticket became so, by Feishu's clock: of one ticket only what is newer counts
-- ARGV[5]  is_open      1 or 0
-- ARGV[6]  remember_ms  how long both are remembered: longer than Feishu pushes an event again
-- ARGV[7]  believed_ms  how long the index stays without a list or another event
-- ARGV[8]  open_id      of the guest
-- ARGV[9…] the guest's other ids, as receivers may be named by them
-- Returns  notifications that are due now · -1: the event says nothing new
local event, ticket, at, is_open, remember_ms, believed_ms =
  ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6], ARGV[7]

if not redis.call('SET', key('desk', DESK, 'event', event), 1, 'NX', 'PX', remember_ms) then return -1 end
local last = key('desk', DESK, 'ticket', ticket)
if at < tonumber(redis.call('GET', last) or 0) then return -1 end
redis.call('SET', last, string.format('%.0f', at), 'PX', remember_ms)

--: Notifications to one guest that are brought forward; what is beyond comes by itself within a minute.
local MOST = 1000

local function due_now(id)
  local record = open_record(id)
  if not record or record.progress.state ~= 'deferred' or not record.progress.awaits then return 0 end
  redis.call('ZADD', key('lane', record.lane, 'due'), now, id)
  redis.call('ZADD', DUE, 'LT', now, record.lane)
  record.progress.due = now
  save(record)
  return 1
end

local woken = 0
for index = 8, #ARGV do
  local receiver = ARGV[index]
  if not is_open then
    redis.call('ZREM', TICKETS, receiver)
    for _, id in ipairs(redis.call('SPOP', key('desk', DESK, 'awaiting', receiver), MOST)) do
      woken = woken + due_now(id)
    end
  elseif index == 8 then
    redis.call('ZADD', TICKETS, now, receiver)
  else
    -- Under another id only who is known by it already: nobody shall be counted twice.
    redis.call('ZADD', TICKETS, 'XX', now, receiver)
  end
end
if is_open then redis.call('PEXPIRE', TICKETS, believed_ms) end
flush()
if woken > 0 then look_at(now) end
return woken
