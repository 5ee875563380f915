#!lua flags=allow-oom
-- limit_pause: every workstream within a shared limit admits nothing, or goes on, from this call's reply on.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, name, paused: "1"|"0", epoch, fresh}
-- Returns  {"changed" | "same"} | {"unsettled"}

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local name = call.name
local file, set = live.of_limit(name)
if not file then return {'unsettled'} end

local overrides = keys.limit(name, 'overrides')
local same = (set.paused == '1') == (call.paused == '1')
if not same then
  -- A file has no word for it, so a limit that goes on has nothing to remember.
  if call.paused == '1' then redis.call('HSET', overrides, 'paused', '1') else redis.call('HDEL', overrides, 'paused') end
  redis.call('HSET', keys.limit(name, 'settings'), 'live', redis.call('EXISTS', overrides))
  live.tell(name, call.paused == '1' and 'paused' or 'resumed', {by = 'operator', limit = name})
end
return requests.keep(call.request, {same and 'same' or 'changed'})
