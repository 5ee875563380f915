#!lua flags=allow-oom
-- purge: the first jobs in one state end as discarded, with one event for all of a call.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, state: waiting|scheduled|dead, most, epoch, fresh}
-- Returns  {how many were discarded, how many are left in that state}
--
-- What is due counts as waiting, whether or not a worker came by to promote it.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local ws = call.workstream

local function first_of(index, from)
  local ids = redis.call('ZRANGEBYSCORE', keys.ws(ws, index), from, '+inf', 'LIMIT', 0, call.most)
  for _, id in ipairs(ids) do redis.call('ZREM', keys.ws(ws, index), id) end
  return ids
end

local STATES = {
  waiting = {
    take = function()
      ready.promote(ws)
      return change.unready_first(ws, call.most)
    end,
    left = function()
      return tally.ready(ws) + redis.call('ZCOUNT', keys.ws(ws, 'scheduled'), '-inf', digits(clock.now))
    end,
  },
  scheduled = {
    take = function() return first_of('scheduled', '(' .. digits(clock.now)) end,
    left = function() return redis.call('ZCOUNT', keys.ws(ws, 'scheduled'), '(' .. digits(clock.now), '+inf') end,
  },
  dead = {
    take = function() return first_of('dead', '-inf') end,
    left = function() return redis.call('ZCARD', keys.ws(ws, 'dead')) end,
  },
}

local why = cjson.encode({type = 'Purged', message = 'it was ' .. call.state .. ' when its workstream was purged'})
local ids = STATES[call.state].take()
local gone = {}
for _, id in ipairs(ids) do
  local job = change.read(ws, id)
  if job and job.state == call.state then
    change.discard(ws, job, why)
    gone[#gone + 1] = id
  end
end
if #gone > 0 then
  events.of_workstream(ws, 'discarded', 'warning', cjson.encode({reason = 'purged', was = call.state, count = #gone,
    first = gone[1], last = gone[#gone]}))
end
if call.state == 'waiting' then change.look_again(ws) end
events.flush()
return requests.keep(call.request, {#gone, STATES[call.state].left()})
