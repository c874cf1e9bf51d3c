-- template(desk, name, content, facts, most_names, most_versions)
--
-- Saves a version of a template of this desk. Two saves at once get two numbers.
-- ARGV[2]  name           of the template
-- ARGV[3]  content        JSON: the message, and the Markdown that it was made from. Nothing changes if the last version has
--                         the same, so a call may be repeated after a lost answer
-- ARGV[4]  facts          JSON: its variables, its author and the time
-- ARGV[5]  most_names     of the desk
-- ARGV[6]  most_versions  of a template that are kept: beyond that the oldest is deleted
-- Returns  [the version, 1 new · 0 it was there]; version 0 when the desk has all the templates that it may have
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
