-- start(desk, id, total, at, by, above, approvers, reason, call, key_ttl_ms, version, {opens, closes} …)
--
-- Accepts a loaded announcement, or a draft: from here on all its rows count. Starting again changes nothing.
-- ARGV[2]  id
-- ARGV[3]  total       rows that must be there
-- ARGV[4]  at          ms of the first send, 0 = at once
-- ARGV[5]  by          name of the caller for the record, or ''
-- ARGV[6]  above       more rows than this need an approval, or '' when none do
-- ARGV[7]  approvers   JSON: ids of the keys that may approve for this desk and are not kept here: those of the variable,
--                      and on a server other than the home the created ones
-- ARGV[8]  reason      why it starts without an approval, or ''
-- ARGV[9]  call        a name for this call, the same when it is replayed; '' unless it is a draft
-- ARGV[10] key_ttl_ms  how long a draft's key is remembered
-- ARGV[11] version     of the draft that was read: its time and hours are these
-- ARGV[12…] by twos: sending hours, ms of each opening and closing, in order; none: at any time
-- Returns  [1 started now · 0 it was started before · -1 not found, or rows are missing · -2 it needs an approval
--          · -3 its state does not allow it · -4 its approver may no longer approve · -5 its key stands for another
--          announcement · -6 it has changed: read it again, its state or the id of that other announcement]
local id, total, at, reason = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[8]
local lane = key('lane', id)
local state = redis.call('HGET', lane, 'state')
local draft = open_draft(id)

-- Whether this call started it, and is replayed; any other caller learns that it was started before.
local function started_before()
  write_again(lane)
  return redis.call('HGET', lane, 'call') == ARGV[9] and ARGV[9] ~= ''
end

-- A key that can be revoked must still be valid, and allowed to approve for this desk; users of this machine have no key.
local function may_approve(approver)
  if contains(cjson.decode(ARGV[7]), approver) then return true end
  if string.sub(approver, 1, 9) == 'variable:' then return false end
  if string.sub(approver, 1, 2) ~= 'k_' then return true end
  for _, text in ipairs(redis.call('HVALS', key('api_keys'))) do
    local kept = decoded(text)
    if kept and kept.id == approver then
      return type(kept.revoked_at) ~= 'string' and contains(kept.scopes, 'approve')
        and (type(kept.desks) ~= 'table' or contains(kept.desks, DESK))
    end
  end
  return false
end

local needs_approval = ARGV[6] ~= '' and total > tonumber(ARGV[6])
local is_unapproved = false

-- The answer of a start that is refused, or nil.
local function refusal()
  if not draft then return needs_approval and {-2, ''} or nil end
  local approver = redis.call('HGET', lane, 'approver')
  is_unapproved = needs_approval and not (draft.state == 'approved' and approver and may_approve(approver))
  if reason ~= '' then return nil end
  if is_unapproved and draft.state == 'approved' then return {-4, draft.state} end
  if is_unapproved then return {-2, draft.state} end
  return draft.state == 'awaiting_approval' and {-3, draft.state} or nil
end

-- From here on the key leads to this announcement. A key that somebody chose must be free.
local function take_key()
  local got = redis.call('HMGET', lane, 'key', 'key_given', 'digest')
  local name = key('key', DESK, got[1])
  local first = redis.call('GET', name)
  local first_id = first and string.match(first, '^(%S+) ')
  local state = first_id and first_id ~= id and redis.call('HGET', key('lane', first_id), 'state')
  if state and state ~= 'loading' then return got[2] == '1' and {-5, first_id} or nil end
  -- That one was never accepted, and will not be: it has lost its key.
  if state and not open_draft(first_id) then redis.call('DEL', key('lane', first_id), key('rows', first_id)) end
  redis.call('SET', name, id .. ' ' .. got[3], 'PX', ARGV[10])
end

local function note_start()
  if not draft then
    if ARGV[5] ~= '' then redis.call('HSET', lane, 'acts', cjson.encode({{now, ARGV[5], 'announce'}})) end
    return
  end
  note_draft_act(id, ARGV[5], is_unapproved and 'start without approval: ' .. reason or 'start', 'call', ARGV[9])
  redis.call('HDEL', lane, 'draft')
  unlist_draft(draft)
end

if state and state ~= 'loading' then return {started_before() and 1 or 0, state} end
if draft and draft.version ~= tonumber(ARGV[11]) then return {-6, draft.state} end
if not state or redis.call('HLEN', key('rows', id)) ~= total then return {-1, ''} end
local refused = refusal() or draft and take_key()
if refused then return refused end

local waits = at > now
for index = 12, #ARGV, 2 do
  redis.call('RPUSH', key('lane', id, 'hours'), ARGV[index] .. ' ' .. ARGV[index + 1])
end
note_start()
redis.call('HSET', lane, 'state', 'running', 'total', total, 'rest', waits and 'scheduled' or 'queued', 'started_at', now,
  'hours', #ARGV > 11 and 1 or 0, 'opens_at', waits and at or 0)
redis.call('PERSIST', lane)
redis.call('PERSIST', key('rows', id))
redis.call('ZADD', ANNOUNCEMENTS, now, id)
count(id, waits and 'scheduled' or 'queued', total)
flush()
if waits then
  redis.call('ZADD', DUE, 'LT', at, id)
else
  join_turns(id)
end
look_at(waits and at or now)
return {1, waits and 'scheduled' or 'running'}
