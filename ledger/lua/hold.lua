-- hold(desk, kind, hold_ms, reason, share, code, http_status, phrase)
--
-- One worker has learnt that the desk cannot send, and now all know: nothing is released until the hold ends.
-- ARGV[2]  kind     throttled: ends by itself · credentials | quota | outage: one probe when it is over, and its answer decides
-- ARGV[3]  hold_ms  for how long; a longer hold of the same kind is not cut short
-- ARGV[4]  reason   for people: what the API said, in English
-- ARGV[5]  share    of a throttle: the server's own limit as a share of ours, or '' if it did not tell
-- ARGV[6]  code     of the answer, or ''; with ARGV[7], its HTTP status, it says what the hold means
-- ARGV[8]  phrase   JSON of the reason, from which it is said in another language
-- Returns  [1 when the hold is new, 0 when it was there already, the share of its quota that the desk uses from now on if
--          that was lowered, else '']
-- A throttle does not replace a hold whose probe is still to come: it can only put the probe off.
local kind, ends = ARGV[2], now + tonumber(ARGV[3])
local hold = current_hold()
if hold and hold['until'] > now and kind == 'throttled' and hold.kind ~= 'throttled' then
  hold['until'] = math.max(ends, hold['until'])
  redis.call('HSET', HOLDS, 'hold', cjson.encode(hold))
  return {0, ''}
end

--: One throttle may be somebody else's doing; another one within this, ms, proves our rate too high for the tenant.
local PROVEN = 600000
--: Without the server's word the rate is lowered by a tenth; but not below a twentieth of what is configured.
local LOWER, LOWEST = 0.9, 0.05
--: After this the configured rate is tried again, ms.
local LOWERED_FOR = 86400000

local function lower_rate()
  local last = tonumber(redis.call('HGET', HOLDS, 'throttled_at') or 0)
  redis.call('HSET', HOLDS, 'throttled_at', now)
  if last > now or now - last > PROVEN then return '' end -- later than now: by a clock that was set back since
  local share = tonumber(redis.call('GET', SHARE) or 1)
  local told = tonumber(ARGV[5])
  -- What the server tells is of no help if we keep to it already.
  share = told and told < share and told or share * LOWER
  share = string.format('%.3f', math.max(LOWEST, share))
  redis.call('SET', SHARE, share, 'PX', LOWERED_FOR)
  return share
end

local known = hold and hold.kind == kind
if known then ends = math.max(ends, hold['until']) end
redis.call('HSET', HOLDS, 'hold', cjson.encode({kind = kind, ['until'] = ends, interval = tonumber(ARGV[3]),
  since = known and hold.since or now, reason = ARGV[4], code = tonumber(ARGV[6]), http_status = tonumber(ARGV[7]),
  phrase = ARGV[8]}))
local standing = known and hold['until'] > now
return {known and 0 or 1, kind == 'throttled' and not standing and lower_rate() or ''}
