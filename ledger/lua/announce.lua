-- announce(desk, id, key, digest, key_ttl_ms, loading_ms, spec, expires_at, on_unknown, weight, results_for_ms, timed, callback, caller, first, stop_at, notify, draft)
--
-- Opens an announcement, whose rows are then loaded; nothing of it counts as accepted before `start`.
-- ARGV[2]  id              the new announcement's
-- ARGV[3]  key             hash of its key: it leads each repeated call to the first announcement, also after a crash; '' for none
-- ARGV[4]  digest          hash of message, rows and options: once started, the same key with another digest is refused
-- ARGV[5]  key_ttl_ms      how long the key is remembered
-- ARGV[6]  loading_ms      what is never started is forgotten after this
-- ARGV[7]  spec            JSON, opaque here
-- ARGV[8]  expires_at      ms, 0 = never
-- ARGV[9]  on_unknown      resend | hold
-- ARGV[10] weight          turns that it gets where others get one
-- ARGV[11] results_for_ms  how long it stays on record when it is finished
-- ARGV[12] timed           1 when rows have times of their own (send_at)
-- ARGV[13] callback        URL that its end is posted to, or ''
-- ARGV[14] caller          the API key whose share of the callbacks that is, or '' where there is none
-- ARGV[15] first           rows that are released before somebody resumes it, or '' for all
-- ARGV[16] stop_at         share of failed rows above which it pauses, in hundredths of a percent, or '' for none
-- ARGV[17] notify          the address that hears when it pauses by itself or ends, or ''
-- ARGV[18] draft           '' unless it becomes a draft, whose keys are apart from those of announcements: 'key' when somebody
--                          chose the key, 'content' when it only keeps the same content from becoming two drafts
-- Returns  [opened | loading | started | reused, id of the first]; `started` also for a draft: its rows are not loaded again
local id, digest = ARGV[2], ARGV[4]
local status = 'opened'
local first = ARGV[3] ~= '' and redis.call('GET', key('key', DESK, ARGV[3]))
local first_id, first_digest, state
if first then
  first_id, first_digest = string.match(first, '^(%S+) (%S+)$')
  state = redis.call('HGET', key('lane', first_id), 'state')
  local draft = open_draft(first_id)
  -- An edited or started draft no longer stands for the content that it was made from: this call opens a new one.
  if state and ARGV[18] == 'content' and (state ~= 'loading' or draft and draft.version > 1) then first = nil end
  if first and state and (state ~= 'loading' or draft) then
    return {first_digest == digest and 'started' or 'reused', first_id}
  end
end
if first then
  if state and first_digest == digest then
    id, status = first_id, 'loading'
  else
    -- Nothing of it was accepted: its key is free for what is asked for now.
    redis.call('DEL', key('lane', first_id), key('rows', first_id))
  end
end
if ARGV[3] ~= '' then redis.call('SET', key('key', DESK, ARGV[3]), id .. ' ' .. digest, 'PX', ARGV[5]) end
redis.call('HSET', key('lane', id), 'desk', DESK, 'state', 'loading', 'created_at', now, 'spec', ARGV[7], 'expires_at', ARGV[8],
  'on_unknown', ARGV[9], 'weight', ARGV[10], 'results_for', ARGV[11], 'timed', ARGV[12], 'next', 0, 'total', 0, 'opens_at', 0)
-- A draft takes another key when it starts, and has it on record (draft.lua).
if ARGV[3] ~= '' and ARGV[18] == '' then redis.call('HSET', key('lane', id), 'key', ARGV[3]) end
if ARGV[13] ~= '' then redis.call('HSET', key('lane', id), 'callback', ARGV[13], 'caller', ARGV[14]) end
if ARGV[15] ~= '' then redis.call('HSET', key('lane', id), 'first', ARGV[15]) end
if ARGV[16] ~= '' then redis.call('HSET', key('lane', id), 'stop_at', ARGV[16]) end
if ARGV[17] ~= '' then redis.call('HSET', key('lane', id), 'notify', ARGV[17]) end
redis.call('PEXPIRE', key('lane', id), ARGV[6])
return {status, id}
