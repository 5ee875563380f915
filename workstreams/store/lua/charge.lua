#!lua flags=allow-oom
-- charge: a job that runs weighs more than it said: rates are charged with what it only knows now.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, key, cost: number | JSON text of numbers by limit, in which a limit that
--          is not named counts 0; id, actor, attempt, worker: for the event; epoch, fresh}
-- Returns  {"charged"} | {"unsettled"}
--
-- Nobody is asked whether it fits: what was used was used, and the next to start wait for it. Nobody is
-- woken either: whoever sleeps until a rate has room asks then, and is told another time.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local set = settings.of(call.workstream)
if not set then return {'unsettled'} end

local cost = tonumber(call.cost) or cjson.decode(call.cost)

local function charge(limit)
  local more = type(cost) == 'number' and cost or tonumber(cost[limit.name]) or 0
  if limit.ease then ease.pace(limit) end
  for _, r in ipairs(limit.rates) do rate.add(rate.meter(limit, r), r, more) end
end

for _, name in ipairs(set.limits) do charge(settings.limit(name)) end
local own = settings.key(call.workstream, call.key)
if own then charge(own) end
rate.flush()

events.of_job(call.workstream, 'charged', 'debug', call, cjson.encode({cost = cost}))
memory.keep()
return requests.keep(call.request, {'charged'})
