-- draft(desk, id, loaded, version, call, by, name, rows, rows_sha256, fingerprint, content, digest, key, key_given, most)
--
-- Keeps a loaded announcement as a draft; or, as an edit, replaces the whole content of a draft with it.
-- ARGV[2]  id           of the draft
-- ARGV[3]  loaded       the announcement that was loaded: `id` itself for a new draft
-- ARGV[4]  version      that was read before the edit; 0 for a new draft
-- ARGV[5]  call         a name for this call, the same when it is replayed
-- ARGV[6]  by           id of the caller
-- ARGV[7]  name         of the caller, as in the audit log
-- ARGV[8]  rows         how many must be there
-- ARGV[9]  rows_sha256  of these rows
-- ARGV[10] fingerprint  of everything that an approval binds
-- ARGV[11] content      hash of what its receivers get
-- ARGV[12] digest       hash of everything that makes it this announcement
-- ARGV[13] key          hash of the key that it takes when it starts, which it keeps through all edits
-- ARGV[14] key_given    1 when somebody chose that key: then it must be free
-- ARGV[15] most         drafts of one author
-- Returns  [1 done · 0 it was started · -1 not found, or rows are missing · -2 the author has too many · -3 it has another
--          version, its version]
local id, loaded, call = ARGV[2], ARGV[3], ARGV[5]
local lane, is_edit = key('lane', id), ARGV[3] ~= ARGV[2]

local function has_rows() return redis.call('HLEN', key('rows', loaded)) == tonumber(ARGV[8]) end

-- The content of a lane before it starts. A field that the new content lacks is deleted from the old one.
local CONTENT = {'spec', 'expires_at', 'on_unknown', 'weight', 'results_for', 'timed', 'callback', 'caller', 'first', 'stop_at', 'notify'}

local function swap()
  local new = redis.call('HMGET', key('lane', loaded), unpack(CONTENT))
  for index, field in ipairs(CONTENT) do
    if new[index] then redis.call('HSET', lane, field, new[index]) else redis.call('HDEL', lane, field) end
  end
  redis.call('RENAME', key('rows', loaded), key('rows', id))
  redis.call('DEL', key('lane', loaded))
end

local function content_fields()
  return 'call', call, 'rows', ARGV[8], 'rows_sha256', ARGV[9], 'fingerprint', ARGV[10], 'edited_at', now, 'content', ARGV[11],
    'digest', ARGV[12]
end

local draft = open_draft(id)
if is_edit then
  if not draft then return {redis.call('EXISTS', lane) == 1 and 0 or -1, 0} end
  if draft.call == call then
    write_again(lane)
    return {1, draft.version}
  end
  if draft.version ~= tonumber(ARGV[4]) then return {-3, draft.version} end
  if redis.call('HGET', key('lane', loaded), 'state') ~= 'loading' or not has_rows() then return {-1, draft.version} end
  swap()
  -- Everybody who ever edited it: none of them may approve it.
  local editors = decoded(draft.editors) or {}
  if not contains(editors, ARGV[6]) then table.insert(editors, ARGV[6]) end
  redis.call('HDEL', lane, 'approver', 'approver_name', 'approved_at')
  note_draft_act(id, ARGV[7], 'edit', 'draft', 'draft', 'version', draft.version + 1, 'editors', cjson.encode(editors),
    content_fields())
  list_draft(id, draft.author)
  return {1, draft.version + 1}
end

if draft then -- a replay, or another caller loaded the same
  write_again(lane)
  return {1, draft.version}
end
local state = redis.call('HGET', lane, 'state')
if state and state ~= 'loading' then return {0, 0} end
if not state or not has_rows() then return {-1, 0} end
-- Nothing is written before the first command that a full server refuses.
if redis.call('ZCOUNT', drafts_of(ARGV[6]), '(' .. now - DRAFT_KEPT, '+inf') >= tonumber(ARGV[15]) then
  redis.call('DEL', lane, key('rows', id))
  return {-2, 0}
end
note_draft_act(id, ARGV[7], 'draft', 'draft', 'draft', 'version', 1, 'author', ARGV[6], 'author_name', ARGV[7],
  'key', ARGV[13], 'key_given', ARGV[14], content_fields())
list_draft(id, ARGV[6])
return {1, 1}
