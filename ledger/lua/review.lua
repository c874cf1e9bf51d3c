-- review(desk, id, verb, call, by, name, detail)
--
-- What people do to a draft before it starts, except edits (draft.lua).
-- ARGV[2]  id
-- ARGV[3]  verb    submit | approve | reject | discard | test
-- ARGV[4]  call    a name for this call, the same when it is replayed
-- ARGV[5]  by      id of the caller
-- ARGV[6]  name    of the caller, as in the audit log
-- ARGV[7]  detail  approve: the fingerprint of what was seen · reject: why · test: id of the notification · or ''
-- Returns  [1 done · 0 its state does not allow it · -1 not found · -2 an author or editor cannot approve it · -3 it has
--          changed since it was read, its state]
local id, verb, call, by, name, detail = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
--: How many tests of a draft are remembered, the newest ones.
local TESTS = 20
local ANY = {draft = true, awaiting_approval = true, approved = true}
local FROM = {submit = {draft = true}, approve = {awaiting_approval = true},
  reject = {awaiting_approval = true, approved = true}, discard = ANY, test = ANY}

local draft = open_draft(id)
if not draft then
  local info = announcement(id)
  if not info or info.state == 'loading' then return {-1, ''} end
  return {0, told_state(info)}
end
if draft.call == call then
  write_again(draft.lane)
  return {1, draft.state}
end
if not FROM[verb][draft.state] then return {0, draft.state} end

local function has_written() return draft.author == by or contains(decoded(draft.editors) or {}, by) end

local function forget_approval() redis.call('HDEL', draft.lane, 'approver', 'approver_name', 'approved_at') end

-- `notify` also hears how the review went, not only of the end.
local function tell_author(...)
  if redis.call('HEXISTS', draft.lane, 'notify') == 1 then owe_notice(id, ...) end
end

local acts = {}

function acts.submit()
  note_draft_act(id, name, 'submit', 'draft', 'awaiting_approval', 'call', call)
  owe_notice(id, 'submitted', name)
  return {1, 'awaiting_approval'}
end

function acts.approve()
  if has_written() then return {-2, draft.state} end
  if draft.fingerprint ~= detail then return {-3, draft.state} end
  note_draft_act(id, name, 'approve', 'draft', 'approved', 'call', call, 'approver', by, 'approver_name', name, 'approved_at', now)
  tell_author('approved', name)
  return {1, 'approved'}
end

-- What was rejected stays on record, so that the next version can be compared with it.
function acts.reject()
  local was = redis.call('HMGET', draft.lane, 'spec', 'rows_sha256')
  forget_approval()
  note_draft_act(id, name, 'reject: ' .. detail, 'draft', 'draft', 'call', call, 'rejected', cjson.encode({by = name, at = now,
    why = detail, version = draft.version, rows = draft.rows, rows_sha256 = was[2]}), 'rejected_spec', was[1])
  tell_author('rejected', name, detail)
  return {1, 'draft'}
end

function acts.discard()
  note_draft_act(id, name, 'discard')
  unlist_draft(draft)
  redis.call('UNLINK', draft.lane, key('rows', id))
  return {1, ''}
end

function acts.test()
  local tests = decoded(redis.call('HGET', draft.lane, 'tests')) or {}
  table.insert(tests, 1, {detail, draft.version})
  tests[TESTS + 1] = nil
  note_draft_act(id, name, 'test', 'tests', cjson.encode(tests), 'call', call)
  return {1, draft.state}
end

return acts[verb]()
