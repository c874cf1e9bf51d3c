-- hold(desk, kind, hold_ms, reason)
--
-- One worker has learnt that the desk cannot send, and now all know: nothing is released until the hold ends.
-- ARGV[2]  kind     throttled: ends by itself · credentials | quota | outage: one probe when it is over, and its answer decides
-- ARGV[3]  hold_ms  for how long; a longer hold of the same kind is not cut short
-- ARGV[4]  reason   for people: what the API said
-- Returns  1 when the hold is new, 0 when it was there already
-- A throttle does not replace a hold whose probe is still to come: it can only put the probe off.
local kind, ends = ARGV[2], now + tonumber(ARGV[3])
local hold = current_hold()
if hold and hold['until'] > now and kind == 'throttled' and hold.kind ~= 'throttled' then
  hold['until'] = math.max(ends, hold['until'])
  redis.call('HSET', HOLDS, 'hold', cjson.encode(hold))
  return 0
end
local known = hold and hold.kind == kind
if known then ends = math.max(ends, hold['until']) end
redis.call('HSET', HOLDS, 'hold', cjson.encode({kind = kind, ['until'] = ends, interval = tonumber(ARGV[3]),
  since = known and hold.since or now, reason = ARGV[4]}))
return known and 0 or 1
