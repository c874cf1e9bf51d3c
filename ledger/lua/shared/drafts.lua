-- Drafts: announcements whose rows are loaded and of which nothing is accepted. Their lane is `loading`, so every search for
-- accepted ones passes them by, even in a process of a version without drafts; the field `draft` is the state that people see.

local DRAFTS = key('drafts')  -- zset  draft -> ms of its last edit

--: As in ledger/draft_verbs.py: how long a draft is kept after its last edit, ms.
local DRAFT_KEPT = 2592000000

local function contains(list, sought)
  for _, each in ipairs(list) do
    if each == sought then return true end
  end
  return false
end

local function drafts_of(author) return key('drafts', 'of', author) end

-- What the verbs need of a draft, or nil. `call` is the last call that changed it: it identifies a replay after a lost answer.
local function open_draft(id)
  local got = redis.call('HMGET', key('lane', id), 'state', 'draft', 'version', 'author', 'editors', 'rows', 'fingerprint', 'call')
  if got[1] ~= 'loading' or not got[2] then return nil end
  return {id = id, lane = key('lane', id), state = got[2], version = tonumber(got[3]), author = got[4], editors = got[5],
    rows = tonumber(got[6]), fingerprint = got[7], call = got[8]}
end

-- Written by the verb itself, in the draft's acts and in the audit log, so that no act is missing when the producer dies.
local function note_draft_act(id, by, did, ...)
  note_act(id, by, did, ...)
  redis.call('LPUSH', key('acts'), cjson.encode({now, by, did, id}))
end

-- Counts it among the drafts of its author, and keeps it from now on.
local function list_draft(id, author)
  for _, index in ipairs({DRAFTS, drafts_of(author)}) do
    redis.call('ZADD', index, now, id)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', now - DRAFT_KEPT)
  end
  redis.call('PEXPIRE', drafts_of(author), DRAFT_KEPT)
  redis.call('PEXPIRE', key('lane', id), DRAFT_KEPT)
  redis.call('PEXPIRE', key('rows', id), DRAFT_KEPT)
end

local function unlist_draft(draft)
  redis.call('ZREM', DRAFTS, draft.id)
  redis.call('ZREM', drafts_of(draft.author), draft.id)
end
