#!lua flags=allow-oom
-- renew: a supervisor keeps the leases of the processes it watches, and sweeps others' that ran out.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sids: [...], lease µs, epoch, fresh}
-- Returns  {epoch, lost [sid...], overdue [[sid, member]...], µs until the next expiry | -1}
--
-- A lease that ran out but was not swept yet is renewed: nobody has its jobs.
--! include base clock settings events ready wake job release recover

local call = cjson.decode(ARGV[1])
read_clock(call.epoch, call.fresh)

local lost, overdue = {}, {}
for _, sid in ipairs(call.sids) do
  if redis.call('ZSCORE', ROOT .. 'sessions', sid) then
    redis.call('ZADD', ROOT .. 'sessions', digits(NOW + call.lease), sid)
    for _, entry in ipairs(redis.call('ZRANGEBYSCORE', held_key(sid), '-inf', digits(NOW), 'LIMIT', 0, 100)) do
      overdue[#overdue + 1] = {sid, entry}
    end
  else
    lost[#lost + 1] = sid
  end
end
local expiry = sweep()
wake_freed({})
flush_counts()
return {EPOCH, lost, overdue, expiry and digits(expiry - NOW) or -1}
