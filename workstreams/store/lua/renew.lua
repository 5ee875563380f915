#!lua flags=allow-oom
-- renew: a supervisor keeps the leases of the processes it watches, and sweeps others' that ran out.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sids: [...], lease µs, epoch, fresh}
-- Returns  {epoch, lost [sid...], overdue [[sid, "workstream/id~delivery"]...],
--          µs until the next lease of anybody may run out | -1}
--
-- A lease that ran out but was not swept yet is renewed: nobody has its jobs.

local SWEPT_AT_ONCE = 4
local TIDY_EVERY, TIDIED_AT_ONCE = 1000000, 50
local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

local lost, overdue = {}, {}
for _, sid in ipairs(call.sids) do
  if redis.call('ZSCORE', keys.root .. 'sessions', sid) then
    redis.call('ZADD', keys.root .. 'sessions', digits(clock.now + call.lease), sid)
    for _, entry in ipairs(redis.call('ZRANGEBYSCORE', keys.held(sid), '-inf', clock.text, 'LIMIT', 0, 100)) do
      overdue[#overdue + 1] = {sid, entry}
    end
  else
    lost[#lost + 1] = sid
  end
end
-- A dead host has many sessions, and a call's time is everybody's: a few of them at once.
local expiry = 0
for _ = 1, SWEPT_AT_ONCE do
  expiry = recover.sweep('')
  if expiry ~= 0 then break end
end
-- Somebody of the whole fleet tidies up now and then, also where nothing ends any longer.
if clock.now - tonumber(redis.call('HGET', KEYS[1], 'tidied') or 0) >= TIDY_EVERY then
  redis.call('HSET', KEYS[1], 'tidied', clock.text)
  for _, ws in ipairs(redis.call('SMEMBERS', keys.root .. 'workstreams')) do jobs.tidy(ws, TIDIED_AT_ONCE) end
end
release.wake({})
events.flush()
return {clock.epoch, lost, overdue, expiry < 0 and -1 or digits(expiry)}
