-- template(desk, name, content, facts, most_names, most_versions)
--
-- Saves a version of a template of this desk: of two that come at once, each gets a number of its own.
-- ARGV[2]  name           of the template
-- ARGV[3]  content        JSON: the message, and the Markdown that it was made from. The same as in the last version: nothing
--                         changes, so that it may be called again after a lost answer
-- ARGV[4]  facts          JSON: who saved it and when, and its variables
-- ARGV[5]  most_names     of the desk
-- ARGV[6]  most_versions  that are kept of a template: the oldest goes
-- Returns  [the version, 1 new · 0 it was there]; the version is 0 when the desk has as many templates as it may have
local name, content, facts, most_names, most_versions = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local names, versions = key('desk', DESK, 'templates'), key('desk', DESK, 'template', name)

local last = tonumber(redis.call('HGET', names, name) or 0)
if last == 0 and redis.call('HLEN', names) >= most_names then return {0, 0} end
if last > 0 and redis.call('HGET', versions, last) == content then return {last, 0} end

last = last + 1
redis.call('HSET', versions, last, content, last .. '+', facts)
redis.call('HSET', names, name, last)
local oldest = last - most_versions
if oldest > 0 then redis.call('HDEL', versions, oldest, oldest .. '+') end
return {last, 1}
