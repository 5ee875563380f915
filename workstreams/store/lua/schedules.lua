-- schedules: what is true of schedules now.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {names: [...], epoch, fresh}
-- Returns  {now µs, {{when, mark, tick, fired, paused, resumed, workstream, job "workstream/id", its state}...}},
--          with "" for what is not known

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

local found = {}
for i, name in ipairs(call.names) do
  local key = keys.root .. 'schedule:' .. name
  local one = redis.call('HMGET', key, 'when', 'mark', 'tick', 'fired', 'paused', 'resumed', 'workstream')
  for field = 1, 7 do one[field] = one[field] or '' end
  local job = redis.call('LINDEX', key .. ':jobs', 0) or ''
  local ws, id = job:match('^([^/]*)/(.*)$')
  one[8], one[9] = job, id and redis.call('HGET', keys.job(ws, id), 'state') or ''
  found[i] = one
end
return {digits(clock.now), found}
