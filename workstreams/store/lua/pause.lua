#!lua flags=allow-oom
-- pause: a workstream, or one key of it, is admitted no more, or goes on, from this call's reply on.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, key | nil, paused: "1"|"0", epoch, fresh}
-- Returns  {"changed" | "same"} | {"unsettled"}
--
-- It is kept as an override, apart from what the file says; an override that repeats the file
-- is dropped when a workstream goes on, so that a later `paused: true` of the file counts.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local ws = call.workstream
local key = type(call.key) == 'string' and call.key
local before = settings.of(ws)
if not before then return {'unsettled'} end

local function tell(same)
  local answer = {same and 'same' or 'changed'}
  if not same then
    local detail = key and {by = 'operator', key = key} or {by = 'operator'}
    events.of_workstream(ws, call.paused == '1' and 'paused' or 'resumed', 'info', cjson.encode(detail))
  end
  return requests.keep(call.request, answer)
end

if key then
  local same = not turns.pause(ws, key, call.paused == '1')
  if call.paused == '0' and not same then
    latch.open(ws)
    wake.one(ws)
  end
  return tell(same)
end

local overrides = keys.ws(ws, 'overrides')
if call.paused == '0' and redis.call('HGET', keys.ws(ws, 'settings'), 'paused') == '0' then
  redis.call('HDEL', overrides, 'paused')
else
  redis.call('HSET', overrides, 'paused', call.paused)
  redis.call('HSET', keys.ws(ws, 'settings'), 'live', '1')
end

if call.paused == '0' then
  -- Also where nothing is ready: a sleeper that asks is told when the next scheduled job is due.
  latch.open(ws)
  wake.one(ws)
end
return tell(before.paused == (call.paused == '1'))
