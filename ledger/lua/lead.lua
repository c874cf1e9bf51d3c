-- lead(desk = '', pacer, lease_ms, step_ms, state, is_guess)
--
-- Pacers call this every 400 ms, and one of them leads. Who leads vouches for the clock.
-- ARGV[2]  pacer     who asks
-- ARGV[3]  lease_ms  how long the lead is given; 0 gives it up
-- ARGV[4]  step_ms   by how much the clock was set (0: not at all), when the caller, who leads, has moved what goes by it;
--                    '' when it has not looked
-- ARGV[5]  state     of the clock (keys.lua) when it looked: if another leader has looked since, this word is void
-- ARGV[6]  is_guess  1: it cannot know by how much, or whether at all
-- Returns  [1 when the caller leads now, now_ms, ms when a leader last vouched for the clock: -1 if none ever has, 1 when that
--          holds still, the state of the clock by now]
local LEADER = key('leader') -- string: the leading pacer, expires with its lease
local step_ms, is_guess = ARGV[4], ARGV[6] == '1'
if ARGV[5] ~= clock_state() then step_ms = '' end

local function vouch()
  redis.call('HSET', CLOCK, 'seen', now)
  if step_ms == '' then return end
  if is_guess then redis.call('HINCRBY', CLOCK, 'counted', -1) end
  if step_ms == '0' then return end
  redis.call('HINCRBY', CLOCK, 'steps', 1)
  redis.call('HINCRBY', CLOCK, 'counted', 1)
  redis.call('HINCRBY', CLOCK, 'followed', step_ms)
  redis.call('HSET', CLOCK, 'stepped_at', now, 'stepped_by', step_ms)
end

local seen = tonumber(redis.call('HGET', CLOCK, 'seen') or -1)
local vouched = is_clock_vouched() and 1 or 0

--: No lead is given for as long, ms. One that lasts longer was given by a clock that was set back since: if its leader is
--: dead, nobody else would lead for as long.
local LONGEST_LEAD = 5000

local leader = redis.call('GET', LEADER)
if leader and leader ~= ARGV[2] and redis.call('PTTL', LEADER) <= LONGEST_LEAD then return {0, now, seen, vouched, clock_state()} end
if ARGV[3] == '0' then
  redis.call('DEL', LEADER)
  return {0, now, seen, vouched, clock_state()}
end
redis.call('SET', LEADER, ARGV[2], 'PX', ARGV[3])
-- Nobody has led before. What was accepted by a clock that was set back since must not wait for that time to come again.
if seen == -1 then
  for _, desk in ipairs(redis.call('ZRANGE', DESKS, 0, -1)) do redis.call('ZADD', DESKS, 'LT', now, desk) end
end
if step_ms ~= '' or vouched == 1 then vouch() end
return {1, now, seen, vouched, clock_state()}
