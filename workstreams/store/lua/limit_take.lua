-- limit_take: a block outside of jobs begins under a workstream's limits, or a shared one: all of them let it
-- in, or nothing is taken. What it takes is counted like a job's.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, sid "guest:<process>.<number>", name, cost: number | JSON text of numbers by limit,
--          lease µs, worker, waits: whether it will ask again, since µs as text: since when it waits | nil,
--          epoch, fresh}
-- Returns  {"in", epoch}: it holds a slot of each limit, under its lease
--          | {"held", epoch, why, limit, µs after which to ask again | -1, since}
--          | {"unsettled"} | {"dear", limit, permits, cost}
--
-- A refusal is the answer to its request for ever, too: a late copy must not take what nobody waits for.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
-- Where only guests live, nobody else looks for leases that ran out.
recover.sweep('')
recover.guests()

local function too_dear(names, cost)
  for _, name in ipairs(names) do
    local limit = settings.limit(name)
    if costs.on(cost, name) > limit.most then
      return {'dear', name, tostring(limit.most), tostring(costs.on(cost, name))}
    end
  end
end

local function refuse(names, why, by, at)
  local since = type(call.since) == 'string' and call.since or clock.text
  if not call.waits then
    guests.leave_lines(call.sid, names)
  elseif why == 'concurrency' then
    guests.wait(call.sid, by, since)
  end
  return {'held', clock.epoch, why, by, at and math.ceil(at - clock.now) or -1, since}
end

local function answer()
  local names, cost = guests.limits(call.name), costs.read(call.cost)
  if not names then return {'unsettled'} end
  local dear = too_dear(names, cost)
  if dear then return dear end
  local room, kept = guests.room(call.name, names)
  local why, by, at = gate.refuses(room, cost)
  if why then return refuse(names, why, by, at) end
  gate.spend(room, cost)
  rate.flush()
  guests.end_turns(kept)
  if type(call.since) == 'string' then guests.leave_lines(call.sid, names) end
  guests.hold(call, names)
  return {'in', clock.epoch}
end

local found = answer()
release.wake({})
events.flush()
return requests.keep(call.request, found)
