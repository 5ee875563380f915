-- send: puts jobs into their workstreams, all of them or none.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh}
-- ARGV[n…] nine words a job: workstream, id, key, shift µs, cost, due ("" | "+µs" | "@µs",
--          then "!" and the same for when it expires, if it does), actor, body, options
-- Returns  {"ok", how many this call made, epoch} | {"full", workstream, limit} | {"unsettled", workstream}
--          | {"dear", limit, permits, cost}

local WORDS = 9
local KEEP_SECONDS = 20
local header = cjson.decode(ARGV[1])
clock.read(header.epoch, header.fresh)

-- A client that lost the reply sends the call again: the jobs may have run and be forgotten by
-- then, so their ids alone would not tell. How many they were is the answer to a repeated call.
local request = keys.root .. 'request:' .. header.request

local function refuse(answer)
  local sent = redis.call('GET', request)
  return sent and {'ok', tonumber(sent), clock.epoch} or answer
end

local incoming = {}
for i = 2, #ARGV, WORDS do
  local ws, cost = ARGV[i], costs.read(ARGV[i + 4])
  if not settings.of(ws) then return refuse({'unsettled', ws}) end
  incoming[ws] = (incoming[ws] or 0) + 1
  local dear, over
  if type(cost) == 'table' or cost > 1 then dear, over = settings.too_dear(ws, cost, ARGV[i + 2]) end
  if dear then return refuse({'dear', dear.name, tostring(dear.most), tostring(over)}) end
end
for ws, n in pairs(incoming) do
  local most = settings.of(ws).max_waiting
  local held = tally.ready(ws) + tally.scheduled(ws)
  if most and held + n > most then return refuse({'full', ws, most}) end
end

local jobs_in_call = (#ARGV - 1) / WORDS
if not redis.call('SET', request, jobs_in_call, 'NX', 'EX', KEEP_SECONDS) then return refuse() end

-- Most ids are new, and to ask for all of them is one command, which writes nothing.
local function are_new()
  local records, seen = {}, {}
  for i = 2, #ARGV, WORDS do
    local record = keys.job(ARGV[i], ARGV[i + 1])
    if seen[record] then return false end
    seen[record], records[#records + 1] = true, record
  end
  return redis.call('EXISTS', unpack(records)) == 0
end

-- made: the jobs that this call made, as places of their words; the last one may be made in part.
local new, made, wakes = 0, {}, {}

local function put_all()
  local is_new = are_new()
  for i = 2, #ARGV, WORDS do
    made[new + 1] = i
    local state = jobs.put(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5],
      ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], is_new)
    if state then new = new + 1 end
    if state == 'waiting' then wakes[ARGV[i]] = true end
  end
  made[new + 1] = nil
  ready.flush()
end

-- Where one job could not be put, none is, and nobody was sent anything: what is left of a job would be
-- taken for it when the call is repeated.
local function undo()
  for _, i in ipairs(made) do
    local ws, id = ARGV[i], ARGV[i + 1]
    pcall(change.unready, ws, id, ARGV[i + 2])
    redis.pcall('ZREM', keys.ws(ws, 'scheduled'), id)
    events.forget(ws)
    if redis.call('TYPE', keys.job(ws, id)).ok == 'hash' then redis.call('DEL', keys.job(ws, id)) end
  end
  redis.call('DEL', request)
end

local fine, failure = pcall(put_all)
if not fine then
  undo()
  error(failure, 0)
end
for ws in pairs(wakes) do wake.for_work(ws) end
jobs.tell_due({})
events.flush()
memory.keep()
return {'ok', new, clock.epoch}
