-- send: puts jobs into their workstreams, all of them or none.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh}
-- ARGV[n…] nine words a job: workstream, id, key, shift µs, cost, due ("" | "+µs" | "@µs"),
--          actor, body, options
-- Returns  {"ok", how many were new, epoch} | {"full", workstream, limit} | {"unsettled", workstream}
--          | {"dear", limit, permits, cost}
--! include base clock settings events rate gate ready wake timer job once

local WORDS = 9
local header = cjson.decode(ARGV[1])
local answered = requests.answer(header.request)
if answered then return answered end
clock.read(header.epoch, header.fresh)

local incoming = {}
for i = 2, #ARGV, WORDS do
  local ws, cost = ARGV[i], tonumber(ARGV[i + 4])
  if not settings.of(ws) then return {'unsettled', ws} end
  incoming[ws] = (incoming[ws] or 0) + 1
  local dear = cost > 1 and settings.too_dear(ws, cost)
  if dear then return {'dear', dear.name, tostring(dear.most), tostring(cost)} end
end
for ws, n in pairs(incoming) do
  local most = settings.of(ws).max_waiting
  local held = ready.count(ws) + redis.call('ZCARD', keys.ws(ws, 'scheduled'))
  if most and held + n > most then return {'full', ws, most} end
end

local new = 0
for i = 2, #ARGV, WORDS do
  if jobs.put(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5], ARGV[i + 6],
    ARGV[i + 7], ARGV[i + 8]) then new = new + 1 end
end
for ws in pairs(incoming) do
  if ready.count(ws) > 0 then wake.for_work(ws) end
end
jobs.tell_due({})
events.flush()
return requests.keep(header.request, {'ok', new, clock.epoch})
