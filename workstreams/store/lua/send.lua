-- send: puts jobs into their workstreams, all of them or none.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh}
-- ARGV[n…] nine words a job: workstream, id, key, shift µs, cost, due ("" | "+µs" | "@µs"),
--          actor, body, options
-- Returns  {"ok", how many were new} | {"full", workstream, limit} | {"unsettled", workstream}
--          | {"dear", limit, permits}
--! include base clock settings events rate gate ready wake job once

local WORDS = 9
local header = cjson.decode(ARGV[1])
local answered = once(header.request)
if answered then return answered end
read_clock(header.epoch, header.fresh)

local function due_of(text)
  if text == '' then return 0 end
  local n = tonumber(text:sub(2))
  return text:sub(1, 1) == '+' and NOW + n or n
end

local function too_dear(ws, cost)
  for _, name in ipairs(settings_of(ws).limits) do
    local limit = limit_of(name)
    for _, rate in ipairs(limit.rates) do
      if cost > rate.permits then return {'dear', name, rate.permits} end
    end
  end
end

local incoming = {}
for i = 2, #ARGV, WORDS do
  local ws, cost = ARGV[i], tonumber(ARGV[i + 4])
  if not settings_of(ws) then return {'unsettled', ws} end
  incoming[ws] = (incoming[ws] or 0) + 1
  if cost > 1 then
    local refusal = too_dear(ws, cost)
    if refusal then return refusal end
  end
end
for ws, n in pairs(incoming) do
  local most = settings_of(ws).max_waiting
  if most and waiting_in(ws) + redis.call('ZCARD', ws_key(ws, 'scheduled')) + n > most then return {'full', ws, most} end
end

local new = 0
for i = 2, #ARGV, WORDS do
  if put_job(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], due_of(ARGV[i + 5]),
    ARGV[i + 6], ARGV[i + 7], ARGV[i + 8]) then new = new + 1 end
end
for ws in pairs(incoming) do wake_for_work(ws) end
flush_counts()
return keep_answer(header.request, {'ok', new})
