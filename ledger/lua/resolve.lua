-- resolve(desk, results_for_ms, by, as, id …)
--
-- An operator settles what no machine can: whether a maybe-sent notification arrived.
-- ARGV[2]  results_for_ms
-- ARGV[3]  by      who says so
-- ARGV[4]  as      delivered | failed | resend
-- ARGV[5…] ids
-- Returns  by twos: 1 or 0 (it is not unknown, or is to be sent for a cancelled announcement), the state now; state '' when there is no such record
local results_for_ms, by, as = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local results = act_on_each(5, function(record) return settle_unknown(record, by, as, results_for_ms) end)
if as == 'resend' then look_at(now) end
return results
