-- Drafts: announcements whose rows are loaded and of which nothing is accepted. Their lane is `loading`, so whatever looks for
-- what was accepted passes them by, also a process of a version without drafts; `draft` beside it is the state that people see.

local DRAFTS = key('drafts')  -- zset  draft -> ms of its last edit

--: As in ledger/draft_verbs.py: a draft is kept so long after its last edit, ms.
local DRAFT_KEPT = 2592000000

local function drafts_of(author) return key('drafts', 'of', author) end

-- What the verbs need of a draft, or nil. `call` is the last call that changed it, by which a replay after a lost answer is known.
local function open_draft(id)
  local got = redis.call('HMGET', key('lane', id), 'state', 'draft', 'version', 'author', 'editors', 'rows', 'fingerprint', 'call')
  if got[1] ~= 'loading' or not got[2] then return nil end
  return {id = id, lane = key('lane', id), state = got[2], version = tonumber(got[3]), author = got[4], editors = got[5],
    rows = tonumber(got[6]), fingerprint = got[7], call = got[8]}
end

-- Kept by the verb itself, so that none is missing when the producer dies: in its own acts, and in the audit log.
local function note_draft_act(id, by, did, ...)
  note_act(id, by, did, ...)
  redis.call('LPUSH', key('acts'), cjson.encode({now, by, did, id}))
end

-- Counts from now on for its author, and is kept from now on.
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
